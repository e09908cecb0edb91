-- What to ask the table of actions, as an auditor or with your own tools:
--   psql --file=deploy/postgresql/monitoring.sql meta_auto
-- (On SQLite DATE_TRUNC('hour', created_at) is strftime('%Y-%m-%d %H:00', created_at).)

-- Actions generated per hour
SELECT
  DATE_TRUNC('hour', created_at) AS hour,
  COUNT(*) AS total_actions,
  SUM(CASE WHEN status = 'executed' THEN 1 ELSE 0 END) AS executed,
  SUM(CASE WHEN status = 'suggested' THEN 1 ELSE 0 END) AS suggested
FROM optimization_actions
WHERE created_by = 'autonomous_worker'
GROUP BY hour
ORDER BY hour DESC;

-- Policy blocks (top reasons)
SELECT
  reason,
  COUNT(*) AS count
FROM optimization_actions
WHERE guard_rails_passed = false
GROUP BY reason
ORDER BY count DESC
LIMIT 10;

-- Hard stops triggered
SELECT
  campaign_id,
  ad_id,
  roas_value,
  confidence,
  created_at
FROM optimization_actions
WHERE action_type = 'pause'
  AND reason LIKE '%HARD STOP%'
ORDER BY created_at DESC;

-- Daily spend tracking
SELECT
  DATE(created_at) AS date,
  SUM(amount_usd) AS total_budget_changes
FROM optimization_actions
WHERE status = 'executed'
  AND action_type IN ('scale_up', 'scale_down')
GROUP BY date
ORDER BY date DESC;
