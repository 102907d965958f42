package reports

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/shipped"
)

//go:embed forms/*.yaml
var files embed.FS

// forms are those that ship with the program, in the order of their names. A
// test reads them once more, so that a broken one never ships.
var forms = func() []*aggregationv1.ReportForm {
	all, err := read(files)
	if err != nil {
		panic(fmt.Sprintf("the report forms in the program: %v", err))
	}
	return all
}()

// read returns the forms of a folder.
func read(folder fs.FS) ([]*aggregationv1.ReportForm, error) {
	all, err := shipped.Read(folder, "forms/*.yaml", parseForm)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *aggregationv1.ReportForm) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all, nil
}

// parseForm reads a report form (报表格式) in YAML, with the names of the contract.
// What the contract does not know, a key that is there twice, and what does not
// hold together are errors.
func parseForm(b []byte) (*aggregationv1.ReportForm, error) {
	form := &aggregationv1.ReportForm{}
	if err := unmarshal(b, form); err != nil {
		return nil, err
	}
	return form, check(form)
}

// unmarshal reads YAML into a message.
func unmarshal(b []byte, m proto.Message) error {
	var tree map[string]any
	if err := yaml.Unmarshal(b, &tree); err != nil {
		return err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(text, m)
}

// check says what does not hold together in a form.
func check(form *aggregationv1.ReportForm) error {
	switch {
	case !strings.HasPrefix(form.GetName(), "reportForms/"), form.GetDisplayNameZh() == "", form.GetDisplayNameEn() == "", form.GetVersion() < 1:
		return fmt.Errorf("a form needs its name, its names in both languages and a version")
	case rhythms[form.GetRhythm()].months == 0, form.GetAfter() == 0:
		return fmt.Errorf("a form needs a rhythm, and what becomes of a report after the late window")
	case form.GetDueDay() < 1 || form.GetDueDay() > 28, form.GetLateDays() < 0:
		return fmt.Errorf("the due day must be 1 to 28, and late days 0 or more")
	case len(form.GetFields()) == 0:
		return fmt.Errorf("a form needs fields")
	}
	for i, f := range form.GetFields() {
		if err := checkField(f); err != nil {
			return err
		}
		if j := fieldAt(form, f.GetField()); j != i {
			return fmt.Errorf("the field %s is there twice", f.GetField())
		}
	}
	for _, c := range form.GetChecks() {
		if err := checkCheck(form, c); err != nil {
			return fmt.Errorf("the check %q: %w", c.GetId(), err)
		}
	}
	return nil
}

// checkField: a field brings what is summed, and is of its metric's kind.
func checkField(f *aggregationv1.ReportForm_Field) error {
	d, err := aggregation.Find(f.GetMetric())
	switch {
	case err != nil:
		return fmt.Errorf("the field %s: %w", f.GetField(), err)
	case d.Kind != f.GetKind():
		return fmt.Errorf("the field %s is %v, and its metric %v", f.GetField(), f.GetKind(), d.Kind)
	case !aggregation.Sums(*d).Has(d.Metric):
		return fmt.Errorf("the field %s brings %s, which is never summed", f.GetField(), d.ID)
	case f.GetDisplayNameZh() == "" || f.GetDisplayNameEn() == "":
		return fmt.Errorf("the field %s needs names in both languages", f.GetField())
	}
	return nil
}

func checkCheck(form *aggregationv1.ReportForm, c *aggregationv1.ReportForm_Check) error {
	if c.GetId() == "" || c.GetDisplayNameZh() == "" || c.GetDisplayNameEn() == "" || c.GetRelation() == 0 || len(c.GetLeft())*len(c.GetRight()) == 0 {
		return fmt.Errorf("it needs an id, names in both languages, a relation and two sides")
	}
	for _, text := range slices.Concat(c.GetLeft(), c.GetRight()) {
		if t := termOf(text); fieldAt(form, t.field) < 0 {
			return fmt.Errorf("there is no field %s", t.field)
		}
	}
	return nil
}

// Forms returns every report form, in the order of their names.
func Forms() (all []*aggregationv1.ReportForm) {
	for _, f := range forms {
		all = append(all, proto.CloneOf(f))
	}
	return all
}

// FindForm returns the report form of that name, which MUST NOT be changed.
func FindForm(name string) (*aggregationv1.ReportForm, error) {
	i := slices.IndexFunc(forms, func(f *aggregationv1.ReportForm) bool { return f.GetName() == name })
	if i < 0 {
		return nil, ErrFormUnknown.At("report.form", "没有这种报表格式", "there is no such form")
	}
	return forms[i], nil
}

// brought has at each metric the forms that bring it.
var brought = func() (by [aggregation.Numbers][]*aggregationv1.ReportForm) {
	for _, f := range forms {
		for _, field := range f.GetFields() {
			if d, err := aggregation.Find(field.GetMetric()); err == nil {
				by[d.Metric] = append(by[d.Metric], f)
			}
		}
	}
	return by
}()

// Reportable says whether a form brings the metric: then a unit's figure has one
// source, feed or report.
func Reportable(m aggregation.Metric) bool { return len(brought[m]) > 0 }

// recorded has what units keep records of, here or in systems of their own, and by what
// such records are divided. What is missing (欠报) is of ledgers and assignments.
var recorded = map[string][]string{
	"problem": {"campaign", "category", "source"}, "ledger": {"campaign"}, "inspection": {"campaign"}, "assignment": {"campaign"}, "item": {"campaign"},
	"complaint": {}, "round": {},
}

// Untold are the metrics of which no form tells, divided by all of the dimensions, though
// units keep records of what they count: of units of which only reports tell they are
// unknown. A ratio is untold if one of its parts is.
func Untold(dimensions ...string) (all aggregation.Set) {
	for i := range aggregation.Definitions {
		d := &aggregation.Definitions[i]
		parts := []aggregation.Metric{d.Metric}
		if d.By != 0 {
			parts = []aggregation.Metric{d.Over, d.By}
		}
		if slices.ContainsFunc(parts, func(m aggregation.Metric) bool { return untold(m, dimensions) }) {
			all |= 1 << d.Metric
		}
	}
	return all
}

func untold(m aggregation.Metric, dimensions []string) bool {
	divides := func(by []string) bool {
		return !slices.ContainsFunc(dimensions, func(d string) bool { return !slices.Contains(by, d) })
	}
	by, recorded := recorded[aggregation.Define(m).Measure]
	return recorded && divides(by) && !slices.ContainsFunc(brought[m], func(f *aggregationv1.ReportForm) bool { return divides(f.GetDimensions()) })
}

// fieldAt returns the place of a field in the form, or -1.
func fieldAt(form *aggregationv1.ReportForm, field string) int {
	return slices.IndexFunc(form.GetFields(), func(f *aggregationv1.ReportForm_Field) bool { return f.GetField() == field })
}

// MetricOf returns the metric that a field of the form brings.
func MetricOf(form *aggregationv1.ReportForm, field string) (aggregation.Metric, error) {
	i := fieldAt(form, field)
	if i < 0 {
		return 0, ErrFieldUnknown.At("field", "报表格式中没有这一栏", "the form has no such field")
	}
	d, err := aggregation.Find(form.GetFields()[i].GetMetric())
	if err != nil {
		return 0, err
	}
	return d.Metric, nil
}
