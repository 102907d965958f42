package reports

import (
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// term is a part of a check's side.
type term struct {
	field string
	last  bool // of the period before
	minus bool
}

func termOf(text string) (t term) {
	text, t.minus = strings.CutPrefix(text, "-")
	t.field, t.last = strings.CutPrefix(text, "last.")
	return t
}

// Values are what is known of one unit, campaign and category: a field's value,
// and whether there is one.
type Values func(field string, last bool) (int64, bool)

// Broken returns the checks (勾稽关系) of the form that the values break. A check
// of a value that is not there says nothing.
func Broken(form *aggregationv1.ReportForm, values Values) (broken []*aggregationv1.ReportForm_Check) {
	for _, c := range form.GetChecks() {
		left, ok := sum(c.GetLeft(), values)
		right, also := sum(c.GetRight(), values)
		if ok && also && !holds(left, c.GetRelation(), right) {
			broken = append(broken, c)
		}
	}
	return broken
}

func holds(left int64, relation aggregationv1.ReportForm_Check_Relation, right int64) bool {
	if relation == aggregationv1.ReportForm_Check_RELATION_EQUAL {
		return left == right
	}
	return left <= right
}

func sum(side []string, values Values) (total int64, known bool) {
	for _, text := range side {
		t := termOf(text)
		v, ok := values(t.field, t.last)
		if !ok {
			return 0, false
		}
		if t.minus {
			v = -v
		}
		total += v
	}
	return total, true
}

// Concerns says whether a check is about the field's value in the report itself.
func Concerns(c *aggregationv1.ReportForm_Check, field string) bool {
	for _, side := range [][]string{c.GetLeft(), c.GetRight()} {
		for _, text := range side {
			if t := termOf(text); t.field == field && !t.last {
				return true
			}
		}
	}
	return false
}

// LastFields returns the fields of which the form's checks ask for the period
// before.
func LastFields(form *aggregationv1.ReportForm) (fields []string) {
	for _, f := range form.GetFields() {
		for _, c := range form.GetChecks() {
			if text := "last." + f.GetField(); mentions(c, text) || mentions(c, "-"+text) {
				fields = append(fields, f.GetField())
				break
			}
		}
	}
	return fields
}

func mentions(c *aggregationv1.ReportForm_Check, text string) bool {
	return strings.Contains("\n"+strings.Join(append(append([]string{}, c.GetLeft()...), c.GetRight()...), "\n")+"\n", "\n"+text+"\n")
}

// Broke marks a row as breaking a check: with a warning, or, if the check
// rejects, with a fault.
func Broke(row *aggregationv1.Report_Row, c *aggregationv1.ReportForm_Check) error {
	if !c.GetRejects() {
		row.Warnings = append(row.Warnings, c.GetId())
		return nil
	}
	return ErrCheckBroken.Say("check", c.GetDisplayNameZh(), c.GetDisplayNameEn()).At("value", "不符合勾稽关系", "breaks a check")
}
