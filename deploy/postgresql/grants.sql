-- Who may do what in the database. Run it as a superuser in that database, after the first
-- `meta-auto db upgrade` and after every later one; it may be run again at any time.
--
--   meta_auto_owner    owns the tables: `db upgrade` and `db prune`, and nothing else, run as it
--   meta_auto          the timers' account
--   meta_auto_admin    a group: people who start, stop, switch modes (managers too)
--   meta_auto_manager  a group: people who approve, reject, undo
--   meta_auto_auditor  a group: people who only read
--
-- Each person has a login of their own in one of the groups, so that the server's log says who:
--   CREATE ROLE alice LOGIN IN ROLE meta_auto_admin;
-- The audit trail can be added to and read, by anybody never changed: no role here has UPDATE,
-- DELETE or TRUNCATE on it, and triggers refuse them to the owner too.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['meta_auto_admin', 'meta_auto_manager', 'meta_auto_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'meta_auto') THEN
        CREATE ROLE meta_auto LOGIN;
    END IF;
END $$;

GRANT meta_auto_manager TO meta_auto_admin;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO meta_auto, meta_auto_manager, meta_auto_auditor;

REVOKE ALL ON ALL TABLES IN SCHEMA public
    FROM PUBLIC, meta_auto, meta_auto_admin, meta_auto_manager, meta_auto_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO meta_auto, meta_auto_manager, meta_auto_auditor;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO meta_auto, meta_auto_manager;

-- Everything that is remembered is written by inserts and updates; but for the cases of ticks that
-- are older than a replay looks, nothing is ever deleted but by `db prune`. The version of the
-- schema and the seals of archived months are the owner's, the switches are the admins'.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename NOT IN ('ledger', 'ledger_segments', 'alembic_version')
    LOOP
        EXECUTE format('GRANT INSERT, UPDATE ON public.%I TO meta_auto', name);
        IF name <> 'runtime_switches' THEN
            EXECUTE format('GRANT INSERT, UPDATE ON public.%I TO meta_auto_manager', name);
        END IF;
    END LOOP;
END $$;

GRANT INSERT ON ledger TO meta_auto, meta_auto_manager;
GRANT DELETE ON case_files TO meta_auto, meta_auto_manager;
GRANT INSERT, UPDATE ON runtime_switches TO meta_auto_admin;
