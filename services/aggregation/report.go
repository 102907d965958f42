package aggregation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// Move is something that happens to a report.
type Move string

// The moves of a report.
const (
	Accepting Move = "accept"
	Returning Move = "return"
)

// Life says which moves are allowed from which state.
var Life = lifecycle.Table[aggregationv1.Report_State, Move]{
	aggregationv1.Report_STATE_SUBMITTED: {
		Accepting: aggregationv1.Report_STATE_ACCEPTED,
		Returning: aggregationv1.Report_STATE_RETURNED,
	},
}

// MaxValue is the largest value of a row.
const MaxValue = 1_000_000_000

// NewReport returns the report (报表) that r asks for, as it awaits the superior
// on day today. Its rows are not judged yet; a nil report has one of value 0 for
// each field of the form.
func NewReport(r *aggregationv1.Report, today string) (*aggregationv1.Report, error) {
	form, err := FindForm(r.GetForm())
	if err != nil {
		return nil, err
	}
	switch {
	case r.GetNilReport() == (len(r.GetRows()) > 0):
		return nil, ErrNilOrRows.At("report.rows", "数据行与零报告须取其一", "rows or a nil report")
	case LastDay(r.GetPeriod()) >= today:
		return nil, ErrPeriodOpen.At("report.period", "报告期尚未结束", "the month has not ended")
	}
	n := &aggregationv1.Report{
		Name: ReportName(r), Form: r.GetForm(), Unit: r.GetUnit(), Period: r.GetPeriod(), Source: r.GetSource(),
		Sequence: r.GetSequence(), NilReport: r.GetNilReport(), State: aggregationv1.Report_STATE_SUBMITTED,
		ContentDigest: Digest(r),
	}
	for _, row := range r.GetRows() {
		n.Rows = append(n.Rows, asked(row))
	}
	if n.GetNilReport() {
		for _, f := range form.GetFields() {
			n.Rows = append(n.Rows, &aggregationv1.Report_Row{Unit: r.GetUnit(), Field: f.GetField()})
		}
	}
	return n, nil
}

// asked is a row without what only the service says.
func asked(row *aggregationv1.Report_Row) *aggregationv1.Report_Row {
	return &aggregationv1.Report_Row{
		Unit: row.GetUnit(), Scheme: row.GetScheme(), Code: row.GetCode(), Field: row.GetField(),
		Campaign: row.GetCampaign(), Category: row.GetCategory(), Value: row.GetValue(),
	}
}

// FindForm returns the report form of that name.
func FindForm(name string) (*aggregationv1.ReportForm, error) {
	i := slices.IndexFunc(forms, func(f *aggregationv1.ReportForm) bool { return f.GetName() == name })
	if i < 0 {
		return nil, ErrFormUnknown.At("report.form", "没有这种报表格式", "there is no such form")
	}
	return proto.CloneOf(forms[i]), nil
}

// ReportName is the name of the report of a unit's source and sequence.
func ReportName(r *aggregationv1.Report) string {
	return "reports/" + derived(r.GetUnit(), r.GetSource(), strconv.FormatInt(r.GetSequence(), 10))
}

// SourceName is the name of a unit's source.
func SourceName(r *aggregationv1.Report) string {
	return "reportSources/" + derived(r.GetUnit(), r.GetSource())
}

// derived is an id that follows from parts, none of which holds a line break.
func derived(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintln(h, p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Digest is what two reports have in common exactly if their senders said the
// same.
func Digest(r *aggregationv1.Report) string {
	said := &aggregationv1.Report{
		Form: r.GetForm(), Unit: r.GetUnit(), Period: r.GetPeriod(), Source: r.GetSource(),
		Sequence: r.GetSequence(), NilReport: r.GetNilReport(),
	}
	for _, row := range r.GetRows() {
		said.Rows = append(said.Rows, asked(row))
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(said)
	if err != nil {
		panic(fmt.Sprintf("encoding a report that was decoded: %v", err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Again says whether r is the report that was taken before under its sequence.
func Again(taken, r *aggregationv1.Report) error {
	if taken.GetContentDigest() != Digest(r) {
		return ErrSequenceReused.With("sequence", strconv.FormatInt(r.GetSequence(), 10))
	}
	return nil
}

// Accept returns the report as accepted (接受) by who. Its rows are to be judged
// once more.
func Accept(r *aggregationv1.Report, who string) (*aggregationv1.Report, error) {
	return review(r, Accepting, who, "")
}

// Return returns the report as returned (退回) by who.
func Return(r *aggregationv1.Report, who, reason string) (*aggregationv1.Report, error) {
	return review(r, Returning, who, reason)
}

func review(r *aggregationv1.Report, m Move, who, reason string) (*aggregationv1.Report, error) {
	r, err := lifecycle.Move(Life, r, m, ErrReportIllegalMove)
	if err != nil {
		return nil, err
	}
	r.Reviewer, r.ReturnReason = who, reason
	return r, nil
}

var campaignShape = regexp.MustCompile(`^campaigns/[a-z0-9][a-z0-9-]{0,62}$`)

// ReadRow returns the metric that a row of the form brings, or the fault of the
// row. Which unit it is about is not looked at.
func ReadRow(form *aggregationv1.ReportForm, row *aggregationv1.Report_Row) (Metric, error) {
	m, err := fieldOf(form, row.GetField())
	switch {
	case err != nil:
		return 0, err
	case row.GetValue() < 0 || row.GetValue() > MaxValue:
		return 0, ErrValueOutOfRange.With("limit", strconv.Itoa(MaxValue)).At("value", "超出范围", "out of range")
	case row.GetCampaign() != "" && !campaignShape.MatchString(row.GetCampaign()):
		return 0, ErrCampaignInvalid.At("campaign", "活动名称的写法有误", "is not the name of a campaign")
	case row.GetCategory() != "" && (row.GetCampaign() == "" || plain(row.GetCategory()) == ""):
		return 0, ErrCampaignInvalid.At("category", "类别须与活动一并填写", "needs its campaign")
	}
	return m, nil
}

// OneUnit returns the only one of the units that a row may be about.
func OneUnit(row *aggregationv1.Report_Row, units []string) (string, error) {
	column := "code"
	if row.GetUnit() != "" {
		column = "unit"
	}
	switch len(units) {
	case 0:
		return "", ErrRowUnitUnknown.At(column, "范围内没有这个单位", "no such unit within the report")
	case 1:
		return units[0], nil
	default:
		return "", ErrCodeAmbiguous.At(column, "对应多个单位", "names more than one unit")
	}
}

// Mark writes into row, which the caller owns, what became of it. An error that
// is no fault of the row is returned.
func Mark(row *aggregationv1.Report_Row, verdict aggregationv1.Report_Verdict, err error) error {
	f := fault.As(err)
	if err != nil && f == nil {
		return err
	}
	row.Verdict, row.Reason, row.Column, row.MessageZh, row.MessageEn = verdict, "", "", "", ""
	if f == nil {
		return nil
	}
	if verdict != aggregationv1.Report_VERDICT_CONFLICT {
		row.Verdict = aggregationv1.Report_VERDICT_REJECTED
	}
	row.Reason, row.MessageZh, row.MessageEn = f.Reason, f.Chinese(), f.Error()
	if len(f.Fields) > 0 {
		row.Column = f.Fields[0].Path
	}
	return nil
}
