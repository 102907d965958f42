// Package reports holds the rules of reports (报表) by systems that are not duban:
// which forms there are, who owes them until when, how a row is read and judged,
// what becomes of a report, and how good what a source sends is. Every function
// is pure; the forms and the formula of the score are data in the files beside
// it. Reading files is the business of package intake, keeping figures that of
// package figures, storing and answering that of packages desk and
// dues.
package reports

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// The reasons for which a rule refuses a report or a row of it.
var (
	ErrFormUnknown      = fault.Of(aggregationv1.Reason_REASON_REPORT_FORM_UNKNOWN)
	ErrPeriodInvalid    = fault.Of(aggregationv1.Reason_REASON_REPORT_PERIOD_INVALID)
	ErrPeriodOpen       = fault.Of(aggregationv1.Reason_REASON_REPORT_PERIOD_RUNNING)
	ErrWindowClosed     = fault.Of(aggregationv1.Reason_REASON_REPORT_WINDOW_CLOSED)
	ErrLeaveMissing     = fault.Of(aggregationv1.Reason_REASON_REPORT_LEAVE_MISSING)
	ErrNilOrRows        = fault.Of(aggregationv1.Reason_REASON_REPORT_ROWS_INVALID)
	ErrTooLong          = fault.Of(aggregationv1.Reason_REASON_REPORT_TOO_LARGE)
	ErrSequenceReused   = fault.Of(aggregationv1.Reason_REASON_REPORT_SEQUENCE_REUSED)
	ErrGapsTooMany      = fault.Of(aggregationv1.Reason_REASON_REPORT_GAPS_TOO_MANY)
	ErrIllegalMove      = fault.Of(aggregationv1.Reason_REASON_REPORT_ILLEGAL_MOVE)
	ErrSupersedes       = fault.Of(aggregationv1.Reason_REASON_REPORT_SUPERSEDES_INVALID)
	ErrFieldUnknown     = fault.Of(aggregationv1.Reason_REASON_REPORT_FIELD_UNKNOWN)
	ErrDimensionUnknown = fault.Of(aggregationv1.Reason_REASON_REPORT_DIMENSION_UNKNOWN)
	ErrValueOutOfRange  = fault.Of(aggregationv1.Reason_REASON_REPORT_VALUE_INVALID)
	ErrValueUnreadable  = fault.Of(aggregationv1.Reason_REASON_REPORT_VALUE_MALFORMED)
	ErrRowUnitUnknown   = fault.Of(aggregationv1.Reason_REASON_REPORT_UNIT_UNKNOWN)
	ErrCodeAmbiguous    = fault.Of(aggregationv1.Reason_REASON_REPORT_CODE_AMBIGUOUS)
	ErrCodeInvalid      = fault.Of(aggregationv1.Reason_REASON_REPORT_CODE_INVALID)
	ErrValueMissing     = fault.Of(aggregationv1.Reason_REASON_REPORT_VALUE_MISSING)
	ErrLineInvalid      = fault.Of(aggregationv1.Reason_REASON_REPORT_LINE_INVALID)
	ErrCellIllegible    = fault.Of(aggregationv1.Reason_REASON_REPORT_CELL_INVALID)
	ErrCellTooLong      = fault.Of(aggregationv1.Reason_REASON_REPORT_CELL_TOO_LARGE)
	ErrFileInvalid      = fault.Of(aggregationv1.Reason_REASON_REPORT_FILE_INVALID)
	ErrFileTooLarge     = fault.Of(aggregationv1.Reason_REASON_REPORT_FILE_TOO_LARGE)
	ErrColumnInvalid    = fault.Of(aggregationv1.Reason_REASON_REPORT_COLUMN_INVALID)
	ErrCampaignInvalid  = fault.Of(aggregationv1.Reason_REASON_REPORT_CAMPAIGN_INVALID)
	ErrCampaignUnknown  = fault.Of(aggregationv1.Reason_REASON_REPORT_CAMPAIGN_UNKNOWN)
	ErrCategoryUnknown  = fault.Of(aggregationv1.Reason_REASON_REPORT_CATEGORY_UNKNOWN)
	ErrCheckBroken      = fault.Of(aggregationv1.Reason_REASON_REPORT_CHECK_REFUSED)
	ErrRowTwice         = fault.Of(aggregationv1.Reason_REASON_REPORT_ROW_REPEATED)
	ErrFigureTaken      = fault.Of(aggregationv1.Reason_REASON_REPORT_FIGURE_EXISTS)
	ErrFigureLocked     = fault.Of(aggregationv1.Reason_REASON_REPORT_FIGURE_FIXED)
	ErrRowsFailed       = fault.Of(aggregationv1.Reason_REASON_REPORT_ROWS_FAILED)
	ErrLeaveInvalid     = fault.Of(aggregationv1.Reason_REASON_REPORT_LEAVE_INVALID)
	ErrLeaveFixed       = fault.Of(aggregationv1.Reason_REASON_REPORT_LEAVE_FIXED)
	ErrLeaveRefused     = fault.Of(aggregationv1.Reason_REASON_REPORT_LEAVE_REFUSED)
	ErrRowUnitMissing   = fault.Of(aggregationv1.Reason_REASON_REPORT_UNIT_MISSING)
	ErrTwoUnits         = fault.Of(aggregationv1.Reason_REASON_REPORT_UNIT_AMBIGUOUS)
	ErrSequenceFar      = fault.Of(aggregationv1.Reason_REASON_REPORT_SEQUENCE_INVALID)
	ErrSuperseded       = fault.Of(aggregationv1.Reason_REASON_REPORT_SUPERSEDED)
)
