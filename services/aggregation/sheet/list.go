package sheet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	sheetv1 "github.com/duban-project/duban/proto/gen/go/duban/sheet/v1"
)

// Of is the table of a list: a column for each field that the contract gives the
// name of one, a row for each message.
func Of[M proto.Message](id, name string, list []M) *Table {
	var none M
	columns := columnsOf(none.ProtoReflect().Descriptor(), "", nil)
	t := &Table{ID: id, Name: name}
	for _, c := range columns {
		t.Header = append(t.Header, c.header())
	}
	for _, m := range list {
		row := make([]any, len(columns))
		for i, c := range columns {
			row[i] = c.cell(m.ProtoReflect())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// Beside puts a column behind that of a field, with what each cell there is called.
func (t *Table) Beside(field, header string, name func(cell string) string) {
	at := t.at(field)
	t.Header = slices.Insert(t.Header, at+1, header)
	for i, row := range t.Rows {
		t.Rows[i] = slices.Insert(row, at+1, any(name(fmt.Sprint(row[at]))))
	}
}

// column is a field of a message, or of one within it.
type column struct {
	zh   string
	path []protoreflect.FieldDescriptor
}

func columnsOf(md protoreflect.MessageDescriptor, zh string, path []protoreflect.FieldDescriptor) (columns []column) {
	for i := range md.Fields().Len() {
		field := md.Fields().Get(i)
		name, _ := proto.GetExtension(field.Options(), sheetv1.E_Column).(string)
		at := append(slices.Clone(path), field)
		switch {
		case name == "":
		case field.Message() != nil && field.Message().FullName() != moment:
			columns = append(columns, columnsOf(field.Message(), zh+name, at)...)
		default:
			columns = append(columns, column{zh + name, at})
		}
	}
	return columns
}

// Void empties the cells of a field in the rows whose other field says so: there is no
// number, and 0 would be one.
func (t *Table) Void(field, where string) {
	at, says := t.at(field), t.at(where)
	for _, row := range t.Rows {
		if row[says] == Yes(true) {
			row[at] = ""
		}
	}
}

// at is the place of a field's column.
func (t *Table) at(field string) int {
	return slices.IndexFunc(t.Header, func(h string) bool { return strings.HasSuffix(h, " ("+field+")") })
}

// header is what the column is called: in Chinese first.
func (c column) header() string {
	names := make([]string, len(c.path))
	for i, field := range c.path {
		names[i] = string(field.Name())
	}
	return c.zh + " (" + strings.Join(names, ".") + ")"
}

// cell is what a message has in the column; nothing, if the field or what it stands
// in is absent.
func (c column) cell(m protoreflect.Message) any {
	last := len(c.path) - 1
	for _, field := range c.path[:last] {
		if !m.Has(field) {
			return ""
		}
		m = m.Get(field).Message()
	}
	field := c.path[last]
	if field.HasPresence() && !m.Has(field) {
		return ""
	}
	if !field.IsList() {
		return cell(field, m.Get(field))
	}
	list := m.Get(field).List()
	texts := make([]string, list.Len())
	for i := range texts {
		texts[i] = fmt.Sprint(cell(field, list.Get(i)))
	}
	return strings.Join(texts, "、")
}

func cell(field protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch x := v.Interface().(type) {
	case protoreflect.Message:
		t, _ := x.Interface().(*timestamppb.Timestamp)
		return Moment(t.AsTime())
	case protoreflect.EnumNumber:
		return wordOf(field.Enum(), x)
	case bool:
		return Yes(x)
	case int32:
		return int64(x)
	case int64:
		if field.Name() == "milli" {
			return Milli(x)
		}
	}
	return v.Interface()
}

// moment is the type of fields that say when something was.
const moment = "google.protobuf.Timestamp"

// Moment is what a file has for a moment: as requests take it.
func Moment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Yes is what a file has for a truth: 是 or 否.
func Yes(is bool) string {
	if is {
		return "是"
	}
	return "否"
}

// WordOf is what a value of an enum is called: in Chinese first, and then as filters
// take it; nothing, if it is not said.
func WordOf(e protoreflect.Enum) string { return wordOf(e.Descriptor(), e.Number()) }

func wordOf(enum protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	value := enum.Values().ByNumber(n)
	if value == nil || n == 0 {
		return ""
	}
	name := strings.TrimPrefix(string(value.Name()), strings.TrimSuffix(string(enum.Values().ByNumber(0).Name()), "UNSPECIFIED"))
	if zh, _ := proto.GetExtension(value.Options(), sheetv1.E_Word).(string); zh != "" {
		return zh + " (" + name + ")"
	}
	return name
}
