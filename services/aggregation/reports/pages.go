package reports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// Rows returns what a new report says, row by row, in the rows of the report itself: a nil
// report (零报告) says 0 for each field of the form. Nothing that only the service says is in
// them but their places, and the verdict of lines that could not be read.
func Rows(form *aggregationv1.ReportForm, r *aggregationv1.Report) []*aggregationv1.Report_Row {
	rows := r.GetRows()
	for i, row := range rows {
		if row.Line == 0 {
			row.Line = int32(i + 1)
		}
	}
	if r.GetNilReport() {
		for i, f := range form.GetFields() {
			rows = append(rows, &aggregationv1.Report_Row{Unit: r.GetUnit(), Field: f.GetField(), Line: int32(i + 1)})
		}
	}
	return rows
}

// Headed is a copy of a report as a client has it, without its rows.
func Headed(r *aggregationv1.Report) *aggregationv1.Report {
	return &aggregationv1.Report{
		Form: r.GetForm(), Unit: r.GetUnit(), Period: r.GetPeriod(), Source: r.GetSource(),
		Sequence: r.GetSequence(), NilReport: r.GetNilReport(), Supersedes: r.GetSupersedes(),
	}
}

// Plain are rows that came as such, which are read as those of a file are.
type Plain []*aggregationv1.Report_Row

// Most is how many they are.
func (p Plain) Most() int { return len(p) }

// Read returns the rows as Asked does.
func (p Plain) Read(context.Context, *aggregationv1.ReportForm) ([]*aggregationv1.Report_Row, map[string]string, error) {
	return Asked(p), nil, nil
}

// Asked leaves of rows, which the caller owns, what a client may have in them: nothing
// that only the service says.
func Asked(rows []*aggregationv1.Report_Row) []*aggregationv1.Report_Row {
	for _, row := range rows {
		asked(row, row)
		if row.Line = 0; row.GetUnreadable() != "" {
			Say(row, row.GetUnreadable())
		}
	}
	return rows
}

// asked makes to what a client says in row, which may be the same.
func asked(to, row *aggregationv1.Report_Row) {
	unit, scheme, code, field, campaign, category := row.GetUnit(), row.GetScheme(), row.GetCode(), row.GetField(), row.GetCampaign(), row.GetCategory()
	value, line, unreadable := row.GetValue(), row.GetLine(), row.GetUnreadable()
	proto.Reset(to)
	to.Unit, to.Scheme, to.Code, to.Field, to.Campaign, to.Category = unit, scheme, code, field, campaign, category
	to.Value, to.Line, to.Unreadable = value, line, unreadable
}

// Wrong are those of rows that do not count: in conflict, rejected or in quarantine.
func Wrong(rows []*aggregationv1.Report_Row) (wrong []*aggregationv1.Report_Row) {
	for _, row := range rows {
		switch row.GetVerdict() {
		case aggregationv1.Report_VERDICT_CONFLICT, aggregationv1.Report_VERDICT_REJECTED, aggregationv1.Report_VERDICT_QUARANTINED:
			wrong = append(wrong, row)
		default:
		}
	}
	return wrong
}

// Hush takes the sentences from rows of which only the verdicts are to be counted.
func Hush(rows []*aggregationv1.Report_Row) {
	for _, row := range rows {
		row.MessageZh, row.MessageEn = "", ""
	}
}

// Paged parts the rows into pages, which share their memory with them: none has
// more than PageRows rows, nor more than so many bytes when they are judged, unless
// one row alone has.
func Paged(rows []*aggregationv1.Report_Row, bytes int) (pages [][]*aggregationv1.Report_Row) {
	for {
		n := held(rows, bytes)
		if pages = append(pages, rows[:n]); n == len(rows) {
			return pages
		}
		rows = rows[n:]
	}
}

// verdictMax is how many bytes a row gets at most when it is judged and stored: its
// unit, its verdict with the head of a column, both sentences of a reason, and the
// checks that it breaks.
const verdictMax = 512

// held is how many of the first rows a page of so many bytes holds; one it always
// does.
func held(rows []*aggregationv1.Report_Row, bytes int) int {
	for n, row := range rows {
		bytes -= proto.Size(row) + verdictMax
		if n > 0 && bytes < 0 || n == PageRows {
			return n
		}
	}
	return len(rows)
}

// PageName is the name of a report's page, counted from 0.
func PageName(report string, page int32) string { return fmt.Sprintf("%s/pages/%06d", report, page) }

// Digest is what two reports have in common exactly if their senders said the
// same.
func Digest(r *aggregationv1.Report) string {
	h := sha256.New()
	var b []byte
	write := func(m proto.Message) {
		var err error
		if b, err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(b[:0], m); err != nil {
			panic(fmt.Sprintf("encoding a report that was decoded: %v", err))
		}
		fmt.Fprintf(h, "%d\n", len(b))
		h.Write(b)
	}
	write(Headed(r))
	said := &aggregationv1.Report_Row{}
	for _, row := range r.GetRows() {
		asked(said, row)
		write(said)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Again says whether r, which has its digest, is the report that was taken before under
// its sequence.
func Again(taken, r *aggregationv1.Report) error {
	if taken.GetContentDigest() != r.GetContentDigest() {
		return ErrSequenceReused.With("sequence", strconv.FormatInt(r.GetSequence(), 10)).
			At("report.sequence", "已用于另一份报表", "was used for another report")
	}
	return nil
}

// Name is the name of the report of a unit's source and sequence.
func Name(r *aggregationv1.Report) string {
	return "reports/" + derived(r.GetUnit(), r.GetSource(), strconv.FormatInt(r.GetSequence(), 10))
}

// SourceName is the name of a unit's source.
func SourceName(unit, source string) string { return "reportSources/" + derived(unit, source) }

// Duty is the same for all reports of a unit, form and period.
func Duty(unit, form, period string) string { return derived(unit, form, period) }

// LeaveName is the name of the leave to report late.
func LeaveName(unit, form, period string) string {
	return "reportLeaves/" + derived(unit, form, period)
}

// CodeName is the name of a source's code.
func CodeName(source, scheme, code string) string { return source + "/codes/" + derived(scheme, code) }

// derived is an id that follows from parts. How long each is parts them.
func derived(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s\n", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
