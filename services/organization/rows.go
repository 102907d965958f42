package organization

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// Rows is how many units one import may bring.
const Rows = 5000

// Row is one line of an import: the unit as the line has it, or what is wrong
// with the line.
type Row struct {
	Line int
	ID   string
	Unit *organizationv1.Unit
	Err  error

	columns map[string]int // that the table has
}

// Name is the unit's, or empty if the line does not say which.
func (r Row) Name() string {
	if r.ID == "" {
		return ""
	}
	return r.Unit.GetName()
}

// onto returns u as the line has it. What the table has no column for stays; an
// empty cell empties its field.
func (r Row) onto(u *organizationv1.Unit) *organizationv1.Unit {
	said := proto.CloneOf(u)
	said.DisplayName = r.Unit.GetDisplayName()
	if _, ok := r.columns["labels"]; ok {
		said.Labels = r.Unit.GetLabels()
	}
	if _, ok := r.columns["codes"]; ok && !sameCodes(u.GetCodes(), r.Unit.GetCodes()) {
		said.Codes = r.Unit.GetCodes()
	}
	return said
}

var columns = []string{"id", "parent_id", "kind", "display_name", "labels", "codes"}

const mandatory = 4 // of columns

// ParseRows reads a CSV of units. It fails only if the whole cannot be read.
func ParseRows(text string) ([]Row, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		return nil, unreadable("缺少表头", "no header")
	}
	at, err := positions(header)
	if err != nil {
		return nil, err
	}
	var rows []Row
	lines := map[string]int{} // of each id
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, malformed(err)
		}
		if len(rows) == Rows {
			return nil, unreadable(fmt.Sprintf("超过 %d 行", Rows), fmt.Sprintf("more than %d rows", Rows))
		}
		line, _ := r.FieldPos(0)
		row := parseRow(line, cells, at)
		if before, twice := lines[row.ID]; twice && row.Err == nil {
			row.Err = wrong("id", fmt.Sprintf("与第 %d 行重复", before), fmt.Sprintf("repeats line %d", before))
		}
		lines[row.ID] = line
		rows = append(rows, row)
	}
}

func unreadable(zh, en string) error {
	return ErrCSVUnreadable.Say("problem", zh, en).At("csv", zh, en)
}

// malformed says on which line the table is no CSV.
func malformed(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	return unreadable(fmt.Sprintf("第 %d 行不符合 CSV 格式", parse.Line), parse.Error())
}

// positions finds the columns by their names.
func positions(header []string) (map[string]int, error) {
	at := map[string]int{}
	for i, name := range header {
		name = strings.TrimSpace(name)
		quoted := fmt.Sprintf("%.40q", name)
		if _, twice := at[name]; twice {
			return nil, unreadable("列 "+quoted+" 重复", "column "+quoted+" stands twice")
		}
		if !slices.Contains(columns, name) {
			return nil, unreadable("不应有列 "+quoted, "unexpected column "+quoted)
		}
		at[name] = i
	}
	for _, name := range columns[:mandatory] {
		if _, ok := at[name]; !ok {
			return nil, unreadable("缺少列 "+name, "no column "+name)
		}
	}
	return at, nil
}

func parseRow(line int, cells []string, at map[string]int) Row {
	cell := func(name string) string {
		if i, ok := at[name]; ok && i < len(cells) {
			return strings.TrimSpace(cells[i])
		}
		return ""
	}
	row := Row{Line: line, ID: cell("id"), columns: at}
	kind, ok := organizationv1.Unit_Kind_value["KIND_"+strings.TrimPrefix(strings.ToUpper(cell("kind")), "KIND_")]
	switch {
	case len(cells) != len(at):
		row.Err = wrong("id", "列数不符", "has another number of cells than the header")
	case row.ID == "":
		row.Err = wrong("id", "不能为空", "must not be empty")
	case cell("parent_id") == "":
		row.Err = wrong("parent_id", "不能为空", "must not be empty")
	case !ok || kind == 0:
		row.Err = wrong("kind", "单位类别未定义", "is not a kind of unit")
	}
	labels, twice, bad := labelled(cell("labels"))
	codes, worse := coded(cell("codes"))
	switch {
	case row.Err != nil:
	case bad:
		row.Err = wrong("labels", "格式应为 键=值;键=值", "must be key=value;key=value")
	case twice != "":
		row.Err = wrong("labels", fmt.Sprintf("键 %.40q 重复", twice), fmt.Sprintf("the key %.40q stands twice", twice))
	case worse:
		row.Err = wrong("codes", "格式应为 体系=代码;体系=代码", "must be scheme=value;scheme=value")
	}
	row.Unit = &organizationv1.Unit{
		Name: "units/" + row.ID, Parent: "units/" + cell("parent_id"), DisplayName: cell("display_name"),
		Kind: organizationv1.Unit_Kind(kind), Labels: labels, Codes: codes,
	}
	return row
}

// Column returns the column that brings a field of a unit.
func Column(path string) string {
	field, _, _ := strings.Cut(strings.TrimPrefix(path, "unit."), "[")
	switch field {
	case "name", "unit_id":
		return "id"
	case "parent":
		return "parent_id"
	default:
		return field
	}
}

func wrong(column, zh, en string) *fault.Fault { return ErrRowInvalid.At(column, zh, en) }

// pairs reads "a=1;b=2", in its order.
func pairs(cell string) (found [][2]string, bad bool) {
	for part := range strings.SplitSeq(cell, ";") {
		if part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		if !ok || key == "" {
			return nil, true
		}
		found = append(found, [2]string{key, value})
	}
	return found, false
}

// labelled reads labels, and says which key stands twice.
func labelled(cell string) (labels map[string]string, twice string, bad bool) {
	list, bad := pairs(cell)
	labels = make(map[string]string, len(list))
	for _, pair := range list {
		if _, known := labels[pair[0]]; known {
			twice = pair[0]
		}
		labels[pair[0]] = pair[1]
	}
	return labels, twice, bad
}

// coded reads codes, of which a scheme may have several.
func coded(cell string) (codes []*organizationv1.Code, bad bool) {
	list, bad := pairs(cell)
	for _, pair := range list {
		codes = append(codes, &organizationv1.Code{Scheme: pair[0], Value: pair[1]})
	}
	return codes, bad
}

// sameCodes says whether two lists have the same codes, in whatever order.
func sameCodes(a, b []*organizationv1.Code) bool {
	order := func(c, d *organizationv1.Code) int {
		return cmp.Or(strings.Compare(c.GetScheme(), d.GetScheme()), strings.Compare(c.GetValue(), d.GetValue()))
	}
	equal := func(c, d *organizationv1.Code) bool { return order(c, d) == 0 }
	return slices.EqualFunc(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order), equal)
}

// Compare returns the unit that is there as a row has it, what the row does to it,
// and of a conflict where it lies.
func Compare(u *organizationv1.Unit, row Row) (*organizationv1.Unit, organizationv1.ImportUnitsResponse_Verdict, error) {
	if err := conflict(u, row.Unit); err != nil {
		return nil, organizationv1.ImportUnitsResponse_VERDICT_CONFLICT, err
	}
	said := row.onto(u)
	if proto.Equal(u, said) {
		return said, organizationv1.ImportUnitsResponse_VERDICT_UNCHANGED, nil
	}
	return said, organizationv1.ImportUnitsResponse_VERDICT_UPDATED, nil
}

// conflict is what an import never changes of a unit.
func conflict(u, row *organizationv1.Unit) error {
	switch {
	case u.GetState() != organizationv1.Unit_STATE_ACTIVE:
		return ErrRowDiffers.At("id", "该单位已撤并", "the unit is archived or merged")
	case u.GetKind() != row.GetKind():
		return ErrRowDiffers.At("kind", "单位类别不能更改", "the kind of a unit does not change")
	case u.GetParent() != row.GetParent():
		return ErrRowDiffers.At("parent_id", "该单位在另一上级之下，调整隶属关系请用移动", "the unit stands elsewhere: move it")
	default:
		return nil
	}
}
