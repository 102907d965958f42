package developer

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Word is what a value of an enum is called in the page's language: in Chinese what
// its comment in the contract begins with, in English its name, such as "school
// district".
func (v view) Word(value protoreflect.Enum) (string, error) {
	enum := value.Descriptor()
	is := enum.Values().ByNumber(value.Number())
	if is == nil {
		return "", fmt.Errorf("%s has no value %d", enum.FullName(), value.Number())
	}
	if v.Language == problem.English {
		bare := strings.TrimPrefix(string(is.Name()), strings.ToUpper(string(enum.Name()))+"_")
		return strings.ToLower(strings.ReplaceAll(bare, "_", " ")), nil
	}
	for _, codes := range v.Enums {
		if "duban."+codes.Name == string(enum.FullName()) {
			return codes.chinese(string(is.Name()))
		}
	}
	return "", fmt.Errorf("the OpenAPI document has no %s", enum.FullName())
}

// chinese is what the comment of the value of that name begins with.
func (c Codes) chinese(name string) (string, error) {
	for _, value := range c.Values {
		if zh, _, _ := strings.Cut(value.Description, ": "); value.Name == name && slices.Max([]rune(zh)) > '~' {
			return zh, nil
		}
	}
	return "", fmt.Errorf("%s of %s has no Chinese name", name, c.Name)
}

// UnitKind is Word for a kind of units as forms name it, such as DISTRICT.
func (v view) UnitKind(name string) (string, error) {
	return v.Word(organizationv1.Unit_Kind(organizationv1.Unit_Kind_value["KIND_"+name]))
}
