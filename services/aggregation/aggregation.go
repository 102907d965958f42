// Package aggregation holds the rules of figures (指标): what each metric means
// and what a record of another service contributes to which. Every function is
// pure. Keeping the figures is the business of package figures beside it, the
// rules of reports (报表) that of package reports, reading feeds and answering
// calls that of the server.
package aggregation

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// The reasons for which a rule refuses a call.
var (
	ErrMetricUnknown   = fault.Of(aggregationv1.Reason_REASON_METRIC_UNKNOWN)
	ErrCategoryAlone   = fault.Of(aggregationv1.Reason_REASON_STATUS_CAMPAIGN_MISSING)
	ErrSourceUnknown   = fault.Of(aggregationv1.Reason_REASON_STATUS_SOURCE_UNKNOWN)
	ErrCampaignUnknown = fault.Of(aggregationv1.Reason_REASON_STATUS_CAMPAIGN_UNKNOWN)
	ErrCategoryUnknown = fault.Of(aggregationv1.Reason_REASON_STATUS_CATEGORY_UNKNOWN)
	ErrPeriodEmpty     = fault.Of(aggregationv1.Reason_REASON_STATUS_PERIOD_INVALID)
	ErrMomentFuture    = fault.Of(aggregationv1.Reason_REASON_STATUS_MOMENT_INVALID)
	ErrSeriesTooLong   = fault.Of(aggregationv1.Reason_REASON_STATUS_SERIES_INVALID)
	ErrTooManyCompared = fault.Of(aggregationv1.Reason_REASON_STATUS_CHILDREN_TOO_MANY)
	ErrNoTargets       = fault.Of(aggregationv1.Reason_REASON_METRIC_TARGET_NONE)
	ErrTargetExists    = fault.Of(aggregationv1.Reason_REASON_TARGET_EXISTS)
	ErrTargetPeriod    = fault.Of(aggregationv1.Reason_REASON_TARGET_PERIOD_INVALID)
	ErrTargetFixed     = fault.Of(aggregationv1.Reason_REASON_TARGET_FIXED)
	ErrTargetsTooMany  = fault.Of(aggregationv1.Reason_REASON_TARGET_TOO_MANY)
	ErrNotAwaited      = fault.Of(aggregationv1.Reason_REASON_WORK_ITEM_UNKNOWN)
	ErrNotLate         = fault.Of(aggregationv1.Reason_REASON_WORK_ITEM_DUE_PENDING)
	ErrUrgedToday      = fault.Of(aggregationv1.Reason_REASON_WORK_ITEM_URGE_REPEATED)
	ErrMetricMissing   = fault.Of(aggregationv1.Reason_REASON_STATUS_METRIC_MISSING)
)
