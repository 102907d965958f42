package organization

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/proto"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// divisions is the scheme whose codes name every unit of a division, and none alone.
const divisions = "gbt2260"

// Folded is how a code is compared: two that differ by case or width (全角) are one.
func Folded(c *organizationv1.Code) [2]string {
	return [2]string{c.GetScheme(), strings.ToLower(norm.NFKC.String(c.GetValue()))}
}

// Coded are the units that get new work, by their codes that name one alone.
type Coded map[[2]string][]string

// Add takes in a unit.
func (c Coded) Add(u *organizationv1.Unit) {
	for _, code := range u.GetCodes() {
		key := Folded(code)
		if u.GetState() == organizationv1.Unit_STATE_ACTIVE && key[0] != divisions && !slices.Contains(c[key], u.GetName()) {
			c[key] = append(c[key], u.GetName())
		}
	}
}

// Shared says which of u's codes another unit has, too, and which unit; of those that u had
// before nothing. Codes are the unit's own and two may have one, as while they are exchanged:
// what comes by it waits then.
func (c Coded) Shared(u *organizationv1.Unit, before []*organizationv1.Code) error {
	for i, code := range u.GetCodes() {
		if slices.ContainsFunc(before, func(b *organizationv1.Code) bool { return proto.Equal(b, code) }) {
			continue
		}
		for _, other := range c[Folded(code)] {
			if other != u.GetName() {
				return ErrUnitCodeAmbiguous.With("code", code.GetScheme()+"="+code.GetValue()).With("unit", other).
					At(fmt.Sprintf("unit.codes[%d]", i), "另一单位也有此代码", "is a code that another unit has, too")
			}
		}
	}
	return nil
}
