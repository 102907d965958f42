package sheet_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	sheetv1 "github.com/duban-project/duban/proto/gen/go/duban/sheet/v1"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

// No column of a file is a field whose content is sealed.
func TestNoColumnIsSealed(t *testing.T) {
	columns := 0
	var walk func(protoreflect.MessageDescriptors)
	walk = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			walk(messages.Get(i).Messages())
			for j := range messages.Get(i).Fields().Len() {
				field := messages.Get(i).Fields().Get(j)
				if proto.GetExtension(field.Options(), sheetv1.E_Column) == "" {
					continue
				}
				columns++
				if sealed := proto.GetExtension(field.Options(), feedv1.E_Sealed); sealed != "" {
					t.Errorf("%s is sealed as %v", field.FullName(), sealed)
				}
			}
		}
	}
	for _, m := range []proto.Message{(*aggregationv1.WorkItem)(nil), (*aggregationv1.ReportDue)(nil), (*aggregationv1.ReportQuality)(nil), (*aggregationv1.Report)(nil), (*aggregationv1.Target)(nil)} {
		walk(m.ProtoReflect().Descriptor().ParentFile().Messages())
	}
	if columns < 60 {
		t.Errorf("the contract has %d columns", columns)
	}
}

// What is absent is nothing, and a name stands beside what it is the name of.
func TestAListIsATable(t *testing.T) {
	table := sheet.Of("a", "甲", []*aggregationv1.WorkItem{{Unit: "units/a", DaysUntilDue: proto.Int32(-3)}})
	table.Beside("unit", "名称", func(unit string) string { return "=" + unit })
	cells := map[string]any{}
	for i, header := range table.Header {
		cells[header] = table.Rows[0][i]
	}
	for header, want := range map[string]any{
		"责任单位 (unit)": "units/a", "名称": "=units/a", "剩余天数 (days_until_due)": int64(-3), "红黄绿灯 (light)": "",
		"催报次数 (urge.count)": "", "可办角色 (roles)": "",
	} {
		if cells[header] != want {
			t.Errorf("%s is %v, want %v", header, cells[header], want)
		}
	}
}

// A rate of nothing is no rate of 0.
func TestWhatIsNotThereIsEmpty(t *testing.T) {
	table := sheet.Of("a", "甲", []*aggregationv1.ReportQuality_Part{{NotJudged: true}, {Good: 0, All: 3}})
	table.Void("milli", "not_judged")
	for i, want := range []any{"", sheet.Milli(0)} {
		if got := table.Rows[i][6]; got != want {
			t.Errorf("%s of row %d is %v, want %v", table.Header[6], i, got, want)
		}
	}
}
