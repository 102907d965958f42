package reports

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/text"
)

const (
	// maxValue is the largest value of a row.
	maxValue = 1_000_000_000
	// MaxRows is how many rows a report has at most: 100,000 lines of four values.
	MaxRows = 400_000
	// PageRows is how many rows are kept and judged together at most.
	PageRows = 400
)

// Nothing stands in a row that waits to be judged for the value that it does not
// have. No text that a sender wrote is it.
const Nothing = " "

var campaignShape = regexp.MustCompile(`^campaigns/[a-z0-9][a-z0-9-]{0,62}$`)

// ReadRow returns the metric that a row of the form brings, or the fault of the
// row. Which unit it is about is not looked at.
func ReadRow(form *aggregationv1.ReportForm, row *aggregationv1.Report_Row) (aggregation.Metric, error) {
	if err := readValue(row); errors.Is(err, ErrValueMissing) {
		return 0, err
	}
	if err := readTexts(row); err != nil {
		return 0, err
	}
	m, err := MetricOf(form, row.GetField())
	if err != nil {
		return 0, err
	}
	if err := readValue(row); err != nil {
		return 0, err
	}
	return m, readDimensions(form, row)
}

// readTexts refuses texts that are longer than what they could name, or have characters that
// nobody sees.
func readTexts(row *aggregationv1.Report_Row) error {
	for _, t := range []struct {
		column, text string
		most         int
	}{
		{"field", row.GetField(), 1024},
		{"unit", row.GetUnit(), 128},
		{"scheme", row.GetScheme(), 32},
		{"code", row.GetCode(), 64},
		{"campaign", row.GetCampaign(), 1024},
		{"category", row.GetCategory(), 64},
	} {
		if !text.Legible(t.text) {
			return ErrCellIllegible.At(t.column, "含有控制字符或不可见字符", "has characters that nobody sees")
		}
		if utf8.RuneCountInString(t.text) > t.most {
			return ErrCellTooLong.With("limit", strconv.Itoa(t.most)).At(t.column, "过长", "is too long")
		}
	}
	return nil
}

func readDimensions(form *aggregationv1.ReportForm, row *aggregationv1.Report_Row) error {
	for dimension, value := range map[string]string{"campaign": row.GetCampaign(), "category": row.GetCategory()} {
		if value != "" && !slices.Contains(form.GetDimensions(), dimension) {
			return ErrDimensionUnknown.At(dimension, "报表格式不按此分列", "the form is not divided by it")
		}
	}
	switch {
	case row.GetCampaign() != "" && !campaignShape.MatchString(row.GetCampaign()):
		return ErrCampaignInvalid.At("campaign", "活动名称的写法有误", "is not the name of a campaign")
	case row.GetCategory() != "" && (row.GetCampaign() == "" || strings.ContainsAny(row.GetCategory(), "\x00\x01")):
		return ErrCampaignInvalid.At("category", "类别须与活动一并填写", "needs its campaign")
	}
	return nil
}

// OneUnit returns the unit that a row is about, of those that it may be about, which
// are given by their paths: the only one, or that beneath which all others stand, as
// an administrative code (行政区划代码) that schools have too names their bureau. Its
// fault puts the row into quarantine.
func OneUnit(row *aggregationv1.Report_Row, units [][]string) (string, error) {
	column := "code"
	if row.GetUnit() != "" {
		column = "unit"
	}
	switch {
	case len(units) > 0:
	case row.GetUnit() != "" && !strings.HasPrefix(row.GetUnit(), "units/"):
		return "", ErrRowUnitUnknown.At(column, "此栏须填 units/…；代码请填入代码栏，名称可由报送来源对照到单位（代码类别 unit）",
			"units/… belongs here, and a code in a column of codes; a name counts once the source's codes map it, in the scheme unit")
	default:
		return "", ErrRowUnitUnknown.At(column, "范围内没有这个单位", "no such unit within the report")
	}
	first := slices.MinFunc(units, func(a, b []string) int { return len(a) - len(b) })[0]
	if slices.ContainsFunc(units, func(path []string) bool { return !slices.Contains(path, first) }) {
		return "", ErrCodeAmbiguous.At(column, "对应多个单位", "names more than one unit")
	}
	return first, nil
}

// NamesUnit refuses a row that says in no way which unit it is about: no code will ever be
// mapped to it.
func NamesUnit(row *aggregationv1.Report_Row) error {
	if row.GetUnit() == "" && row.GetCode() == "" {
		return ErrRowUnitMissing.At("unit", "没有单位和代码", "there is none, and no code")
	}
	return nil
}

// Agree holds the unit that a row names against those that have its code, if it says both: one
// row is about one unit. A school may have its bureau's code (行政区划代码).
func Agree(row *aggregationv1.Report_Row, coded [][]string) error {
	if !slices.ContainsFunc(coded, func(path []string) bool { return path[0] == row.GetResolvedUnit() }) {
		return ErrTwoUnits.At("code", "不是该单位的代码", "is not that of the unit")
	}
	return nil
}

// InCampaign holds the campaign and category of a row against the campaign, which
// is empty if it is unknown, for a unit whose path begins with it. Its fault puts
// the row into quarantine: the campaign may be published, or have the category,
// later.
func InCampaign(row *aggregationv1.Report_Row, c *campaignv1.Campaign, path []string) error {
	switch {
	case !slices.Contains(path, c.GetOwner()):
		return ErrCampaignUnknown.At("campaign", "该单位没有参加这样的活动", "the unit takes part in no such campaign")
	case !HasCategory(c, row.GetCategory()):
		return ErrCategoryUnknown.At("category", "活动没有这一类别", "the campaign has no such category")
	default:
		return nil
	}
}

// HasCategory says whether what counts in a campaign may have the category, or none
// if it is empty. As in a ledger, a campaign without categories takes any.
func HasCategory(c *campaignv1.Campaign, category string) bool {
	is := func(c *campaignv1.Category) bool { return c.GetCode() == category }
	return category == "" || len(c.GetCategories()) == 0 || slices.ContainsFunc(c.GetCategories(), is)
}

// CodeOf returns scheme and code by which a row names its unit: of one that says
// units/… itself that name, in the scheme "unit".
func CodeOf(row *aggregationv1.Report_Row) (scheme, code string) {
	if row.GetUnit() != "" {
		return "unit", row.GetUnit()
	}
	return row.GetScheme(), row.GetCode()
}

// Unread is a row, which the caller owns, for a line of a file that cannot be read
// by its header: it is rejected for the cell at fault, which is named by its column's
// head or as spreadsheets do, and what stands there is told. Which unit it is about may be
// wrong.
func Unread(row *aggregationv1.Report_Row, cell, text string) *aggregationv1.Report_Row {
	f := ErrLineInvalid.At(cell, cell+" 栏无法按表头读取", "column "+cell+" cannot be read by the header")
	row.Verdict, row.Reason, row.Column, row.Unreadable = aggregationv1.Report_VERDICT_REJECTED, f.Reason, cell, Clip(text)
	row.MessageZh, row.MessageEn = f.Whole()
	return row
}

// Clip is as much of a text as a row tells of what cannot be read: 64 bytes, cut at
// a character's border.
func Clip(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// Mark writes into row, which the caller owns, what became of it, and where it is at
// fault as the report calls that. An error that is no fault of the row is returned.
func Mark(r *aggregationv1.Report, row *aggregationv1.Report_Row, verdict aggregationv1.Report_Verdict, err error) error {
	f := fault.As(err)
	if err != nil && f == nil {
		return err
	}
	row.Verdict, row.Reason, row.Column, row.MessageZh, row.MessageEn = verdict, "", "", "", ""
	if f == nil {
		return nil
	}
	if verdict != aggregationv1.Report_VERDICT_CONFLICT && verdict != aggregationv1.Report_VERDICT_QUARANTINED {
		row.Verdict = aggregationv1.Report_VERDICT_REJECTED
	}
	row.Reason = f.Reason
	row.MessageZh, row.MessageEn = f.Whole()
	if len(f.Fields) > 0 {
		row.Column = columnOf(r, row, f.Fields[0].Path)
	}
	if f.Reason == ErrValueMissing.Reason {
		row.Unreadable = ""
	}
	return nil
}

// columnOf is what the sender calls the place of a row's fault: the head of the
// file's column, or the member of the row in JSON.
func columnOf(r *aggregationv1.Report, row *aggregationv1.Report_Row, path string) string {
	candidates := map[string][]string{
		"value": {"value." + row.GetField(), "value"},
		"field": {"value." + row.GetField(), "field"},
		"code":  {"code." + row.GetScheme(), "code", "unit"},
		"unit":  {"unit", "code"},
	}[path]
	for _, key := range append(candidates, path) {
		if head, ok := r.GetColumns()[key]; ok {
			return head
		}
	}
	return path
}

// Tally adds n times what the rows came to, to the totals, which the caller owns.
func Tally(t *aggregationv1.Report_Totals, n int32, rows ...*aggregationv1.Report_Row) {
	for _, row := range rows {
		t.Rows += n
		if at := verdictOf(t, row.GetVerdict()); at != nil {
			*at += n
		}
		if len(row.GetWarnings()) > 0 {
			t.Warned += n
		}
		if row.GetCounted() {
			t.Counted += n
		}
		if inconsistent(row) {
			t.Inconsistent += n
		}
	}
}

// checkRefused is the reason of ErrCheckBroken.
const checkRefused = "REPORT_CHECK_REFUSED"

// inconsistent says whether a row does not hold together (不一致) with what counts or with
// the rest of its report.
func inconsistent(row *aggregationv1.Report_Row) bool {
	return row.GetVerdict() == aggregationv1.Report_VERDICT_CONFLICT || len(row.GetWarnings()) > 0 || row.GetReason() == checkRefused
}

func verdictOf(t *aggregationv1.Report_Totals, v aggregationv1.Report_Verdict) *int32 {
	switch v {
	case aggregationv1.Report_VERDICT_CREATED:
		return &t.Created
	case aggregationv1.Report_VERDICT_UPDATED:
		return &t.Updated
	case aggregationv1.Report_VERDICT_UNCHANGED:
		return &t.Unchanged
	case aggregationv1.Report_VERDICT_CONFLICT:
		return &t.Conflict
	case aggregationv1.Report_VERDICT_REJECTED:
		return &t.Rejected
	case aggregationv1.Report_VERDICT_QUARANTINED:
		return &t.Quarantined
	default:
		return nil
	}
}

// Counts says whether a row so judged is what its report says of the figure, and counts
// once that is accepted. What is refused, in conflict or in quarantine is not: another row
// of the report may say the same figure.
func Counts(v aggregationv1.Report_Verdict) bool {
	switch v {
	case aggregationv1.Report_VERDICT_CREATED, aggregationv1.Report_VERDICT_UPDATED, aggregationv1.Report_VERDICT_UNCHANGED:
		return true
	default:
		return false
	}
}

// Sum returns both totals together.
func Sum(a, b *aggregationv1.Report_Totals) *aggregationv1.Report_Totals { return more(a, b, 1) }

// Less returns how much more a is than b.
func Less(a, b *aggregationv1.Report_Totals) *aggregationv1.Report_Totals { return more(a, b, -1) }

func more(a, b *aggregationv1.Report_Totals, n int32) *aggregationv1.Report_Totals {
	return &aggregationv1.Report_Totals{
		Rows: a.GetRows() + n*b.GetRows(), Created: a.GetCreated() + n*b.GetCreated(), Updated: a.GetUpdated() + n*b.GetUpdated(),
		Unchanged: a.GetUnchanged() + n*b.GetUnchanged(), Conflict: a.GetConflict() + n*b.GetConflict(), Rejected: a.GetRejected() + n*b.GetRejected(),
		Quarantined: a.GetQuarantined() + n*b.GetQuarantined(), Warned: a.GetWarned() + n*b.GetWarned(), Counted: a.GetCounted() + n*b.GetCounted(),
		Inconsistent: a.GetInconsistent() + n*b.GetInconsistent(),
	}
}
