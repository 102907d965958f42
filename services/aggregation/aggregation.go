// Package aggregation holds the rules of figures (指标) and reports (报表): what
// each metric means, what a record of another service contributes to which, how
// a report's rows are judged and what becomes of a report. Every function is
// pure. Keeping the figures is the business of package figures beside it,
// reading feeds and answering calls that of the server.
package aggregation

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// The reasons for which a rule refuses a call or a row of a report.
var (
	ErrMetricUnknown     = fault.Of(aggregationv1.Reason_REASON_METRIC_UNKNOWN)
	ErrMetricHasNoSeries = fault.Of(aggregationv1.Reason_REASON_METRIC_SERIES_NONE)
	ErrCategoryAlone     = fault.Of(aggregationv1.Reason_REASON_STATUS_CAMPAIGN_MISSING)
	ErrPeriodEmpty       = fault.Of(aggregationv1.Reason_REASON_STATUS_PERIOD_INVALID)
	ErrSeriesTooLong     = fault.Of(aggregationv1.Reason_REASON_STATUS_SERIES_INVALID)
	ErrTooManyCompared   = fault.Of(aggregationv1.Reason_REASON_STATUS_CHILDREN_TOO_MANY)
	ErrFormUnknown       = fault.Of(aggregationv1.Reason_REASON_REPORT_FORM_UNKNOWN)
	ErrPeriodOpen        = fault.Of(aggregationv1.Reason_REASON_REPORT_PERIOD_RUNNING)
	ErrNilOrRows         = fault.Of(aggregationv1.Reason_REASON_REPORT_ROWS_INVALID)
	ErrSequenceReused    = fault.Of(aggregationv1.Reason_REASON_REPORT_SEQUENCE_REUSED)
	ErrGapsTooMany       = fault.Of(aggregationv1.Reason_REASON_REPORT_GAPS_TOO_MANY)
	ErrReportIllegalMove = fault.Of(aggregationv1.Reason_REASON_REPORT_ILLEGAL_MOVE)
	ErrFieldUnknown      = fault.Of(aggregationv1.Reason_REASON_REPORT_FIELD_UNKNOWN)
	ErrValueOutOfRange   = fault.Of(aggregationv1.Reason_REASON_REPORT_VALUE_INVALID)
	ErrRowUnitUnknown    = fault.Of(aggregationv1.Reason_REASON_REPORT_UNIT_UNKNOWN)
	ErrCodeAmbiguous     = fault.Of(aggregationv1.Reason_REASON_REPORT_CODE_AMBIGUOUS)
	ErrCampaignInvalid   = fault.Of(aggregationv1.Reason_REASON_REPORT_CAMPAIGN_INVALID)
	ErrRowTwice          = fault.Of(aggregationv1.Reason_REASON_REPORT_ROW_REPEATED)
	ErrFigureTaken       = fault.Of(aggregationv1.Reason_REASON_REPORT_FIGURE_EXISTS)
	ErrNoTargets         = fault.Of(aggregationv1.Reason_REASON_METRIC_TARGET_NONE)
	ErrTargetExists      = fault.Of(aggregationv1.Reason_REASON_TARGET_EXISTS)
	ErrTargetPeriod      = fault.Of(aggregationv1.Reason_REASON_TARGET_PERIOD_INVALID)
	ErrTargetFixed       = fault.Of(aggregationv1.Reason_REASON_TARGET_FIXED)
	ErrTargetsTooMany    = fault.Of(aggregationv1.Reason_REASON_TARGET_TOO_MANY)
	ErrNotAwaited        = fault.Of(aggregationv1.Reason_REASON_WORK_ITEM_UNKNOWN)
	ErrNotLate           = fault.Of(aggregationv1.Reason_REASON_WORK_ITEM_DUE_PENDING)
	ErrUrgedToday        = fault.Of(aggregationv1.Reason_REASON_WORK_ITEM_URGE_REPEATED)
	ErrMetricMissing     = fault.Of(aggregationv1.Reason_REASON_STATUS_METRIC_MISSING)
	ErrSuperseded        = fault.Of(aggregationv1.Reason_REASON_REPORT_SUPERSEDED)
)
