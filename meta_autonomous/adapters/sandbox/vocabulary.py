"""Which fields each kind of object has, and how Meta writes times, money and statuses.

Asking for a field that the real object does not have is an error there, so it is one here; a
field that exists but has no value is left out of the answer.
"""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CAMPAIGN_FIELDS: Final = _words(
    """account_id adlabels advantage_state_info bid_constraints bid_strategy boosted_object_id
    brand_lift_studies budget_rebalance_flag budget_remaining budget_schedule_specs buying_type
    campaign_group_active_time can_create_brand_lift_study can_use_spend_cap configured_status
    created_time daily_budget effective_status frequency_control_specs
    has_secondary_skadnetwork_reporting id is_adset_budget_sharing_enabled
    is_budget_schedule_enabled is_direct_send_campaign is_message_campaign is_pca_unified
    is_skadnetwork_attribution issues_info last_budget_toggling_time lifetime_budget name
    objective pacing_type primary_attribution promoted_object recommendations
    smart_promotion_type source_campaign source_campaign_id source_recommendation_type
    special_ad_categories special_ad_category special_ad_category_country spend_cap start_time
    status stop_time topline_id updated_time"""
)
ADSET_FIELDS: Final = _words(
    """account_id adlabels adset_schedule anchor_event_attribution_window_days asset_feed_id
    attribution_count_type attribution_spec bid_adjustments bid_amount bid_constraints bid_info
    bid_strategy billing_event brand_safety_config budget_remaining campaign
    campaign_active_time campaign_attribution campaign_id configured_status created_time
    creative_sequence daily_budget daily_min_spend_target daily_spend_cap destination_type
    dsa_beneficiary dsa_payor effective_status end_time existing_customer_budget_percentage
    frequency_control_specs id instagram_user_id is_budget_schedule_enabled is_dynamic_creative
    is_incremental_attribution_enabled issues_info learning_stage_info lifetime_budget
    lifetime_imps lifetime_min_spend_target lifetime_spend_cap
    max_budget_spend_percentage min_budget_spend_percentage multi_optimization_goal_weight name
    optimization_goal optimization_sub_event pacing_type promoted_object recommendations
    recurring_budget_semantics regional_regulated_categories review_feedback rf_prediction_id
    source_adset source_adset_id special_ad_categories start_time status targeting
    targeting_optimization_types updated_time use_new_app_click value_rule_set_id
    value_rules_applied"""
)
AD_FIELDS: Final = _words(
    """account_id ad_active_time ad_review_feedback ad_schedule_end_time ad_schedule_start_time
    adlabels adset adset_id bid_amount bid_info bid_type campaign campaign_id configured_status
    conversion_domain conversion_specs created_time creative demolink_hash display_sequence
    effective_status engagement_audience failed_delivery_checks id issues_info
    last_updated_by_app_id name placement preview_shareable_link priority recommendations
    source_ad source_ad_id special_ad_categories status targeting
    tracking_and_conversion_with_defaults tracking_specs updated_time"""
)
ACCOUNT_FIELDS: Final = _words(
    """account_id account_status age amount_spent attribution_spec balance business business_city
    business_country_code business_name business_state business_street business_zip capabilities
    created_time currency disable_reason end_advertiser end_advertiser_name funding_source
    funding_source_details id io_number is_notifications_enabled is_personal is_prepay_account
    is_tax_id_required line_numbers media_agency min_campaign_group_spend_cap min_daily_budget
    name offsite_pixels_tos_accepted owner partner spend_cap tax_id tax_id_status tax_id_type
    timezone_id timezone_name timezone_offset_hours_utc tos_accepted user_tasks
    user_tos_accepted"""
)
RULE_FIELDS: Final = _words(
    """account_id created_by created_time disable_error_code evaluation_spec execution_spec id
    name schedule_spec status updated_time"""
)
ACTIVITY_FIELDS: Final = _words(
    """actor_id actor_name application_id application_name date_time_in_timezone event_time
    event_type extra_data object_id object_name object_type translated_event_type"""
)
INSIGHTS_FIELDS: Final = _words(
    """account_currency account_id account_name action_values actions ad_id ad_name adset_id
    adset_name attribution_setting buying_type campaign_id campaign_name clicks
    conversion_values conversions cost_per_action_type cost_per_conversion
    cost_per_inline_link_click cost_per_result cost_per_unique_click cpc cpm cpp created_time
    ctr impressions date_start date_stop frequency full_view_impressions full_view_reach
    inline_link_click_ctr inline_link_clicks inline_post_engagement mobile_app_purchase_roas
    objective optimization_goal outbound_clicks outbound_clicks_ctr purchase_roas
    quality_ranking reach result_rate results social_spend spend unique_clicks unique_ctr
    updated_time video_play_actions website_ctr website_purchase_roas"""
)

#: Kind in this package -> (Meta's node type, its fields, its edge that can be read as a field).
NODE_TYPES: Final = {
    "account": ("AdAccount", ACCOUNT_FIELDS),
    "campaign": ("Campaign", CAMPAIGN_FIELDS),
    "adset": ("AdSet", ADSET_FIELDS),
    "ad": ("Ad", AD_FIELDS),
    "rule": ("AdRule", RULE_FIELDS),
}
#: Amounts that are ints inside and numeric strings outside.
NUMERIC_STRINGS: Final = frozenset(
    {"daily_budget", "lifetime_budget", "spend_cap", "amount_spent", "balance"}
)
STATUSES: Final = frozenset({"ACTIVE", "PAUSED", "ARCHIVED", "DELETED"})
GONE: Final = frozenset({"ARCHIVED", "DELETED"})
EFFECTIVE_STATUSES: Final = frozenset(
    {
        *STATUSES,
        *("IN_PROCESS", "WITH_ISSUES", "CAMPAIGN_PAUSED", "ADSET_PAUSED", "PENDING_REVIEW"),
        *("DISAPPROVED", "PREAPPROVED", "PENDING_BILLING_INFO"),
    }
)
#: Currencies whose budget integers are whole units; every other one counts hundredths.
WHOLE_UNIT_CURRENCIES: Final = frozenset(
    {"CLP", "COP", "CRC", "HUF", "ISK", "IDR", "JPY", "KRW", "PYG", "TWD", "VND"}
)


def offset(currency: str) -> int:
    return 1 if currency in WHOLE_UNIT_CURRENCIES else 100


def major(minor: int, per_unit: int) -> str:
    """Minor units as Insights writes money: major units, no trailing zeros."""
    if per_unit == 1:
        return str(minor)
    sign = "-" if minor < 0 else ""
    units, rest = divmod(abs(minor), per_unit)
    return f"{sign}{units}.{rest:02d}".rstrip("0").rstrip(".")


def timestamp(at: int, zone: ZoneInfo) -> str:
    """Unix time as ``2026-10-05T09:12:33+0200``."""
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%dT%H:%M:%S%z")


def utc_timestamp(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def http_date(at: int) -> str:
    """RFC 7231 IMF-fixdate, independent of the locale."""
    moment = datetime.fromtimestamp(at, UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[3 * moment.month - 3 : 3 * moment.month]
    return f"{day}, {moment.day:02d} {month} {moment.year} {moment:%H:%M:%S} GMT"
