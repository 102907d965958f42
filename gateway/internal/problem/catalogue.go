package problem

import (
	"cmp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Entry is a reason as the page of errors shows it.
type Entry struct {
	Service string // the package that declares it, such as "organization"
	Reason  string // as in ErrorInfo
	Code    string // the gRPC code
	HTTP    int    // the HTTP code
	Text    Text
}

// Catalogue lists the reasons of every duban.*.Reason enum that is linked in,
// and the gateway's own for outages, by service and in the order of the contract.
func Catalogue() []Entry {
	var entries []Entry
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if enum := file.Enums().ByName("Reason"); enum != nil && strings.HasPrefix(string(file.Package()), "duban.") {
			entries = append(entries, entriesOf(enum)...)
		}
		return true
	})
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Service, b.Service) })
	for _, o := range outages() {
		entries = append(entries, Entry{"gateway", o.reason, o.code.String(), httpOf(o.code, o.reason), o.text})
	}
	return entries
}

func entriesOf(enum protoreflect.EnumDescriptor) []Entry {
	service := strings.Split(string(enum.ParentFile().Package()), ".")[1]
	var entries []Entry
	for i := range enum.Values().Len() {
		value := enum.Values().Get(i)
		text := textOf(value)
		if text == nil {
			continue
		}
		code, reason := codeOf(text.GetKind()), reasonOf(value)
		entries = append(entries, Entry{service, reason, code.String(), httpOf(code, reason), Text{text.GetZh(), text.GetEn()}})
	}
	return entries
}
