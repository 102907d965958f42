package event

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
)

// Type is a type of events (事件类型).
type Type struct {
	Name     string // such as aggregation.report.accepted.v1
	Resource string // what it has as data, such as Report; "" for none
	By       string // the method after which it is told, or "" for what follows from others
	Zh, En   string // what it follows from
}

// Types are all that anybody is told of, by name: those that the contract's methods leave,
// and what follows from them.
func Types() []Type {
	all := slices.Clone(following)
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if t, ok := typeOf(methods.Get(j)); ok && !slices.ContainsFunc(all, func(other Type) bool { return other.Name == t.Name }) {
					all = append(all, t)
				}
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// typeOf is what a method leaves, if anybody is told of it.
func typeOf(method protoreflect.MethodDescriptor) (Type, bool) {
	rule, _ := proto.GetExtension(method.Options(), accessv1.E_Rule).(*accessv1.Rule)
	answer, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if rule.GetEvent() == "" || err != nil {
		return Type{}, false
	}
	if _, told := PlaceOf(answer.New().Interface()); !told {
		return Type{}, false
	}
	service := strings.Split(string(method.ParentFile().Package()), ".")[1]
	return Type{Name: service + "." + rule.GetEvent() + ".v1", Resource: string(method.Output().Name()), By: string(method.Name())}, true
}

// CheckTypes refuses the first that is asked for at path and wants none of all types, as it
// would stay empty for ever (ErrType). What was asked for before is not held against them.
func CheckTypes(all []Type, asked, before []string, path string) error {
	for i, t := range asked {
		known := slices.ContainsFunc(all, func(known Type) bool { return Wanted([]string{t}, known.Name) })
		if !known && !slices.Contains(before, t) {
			return ErrType.At(fmt.Sprintf("%s[%d]", path, i), "没有这样的事件类型", "there are no such events")
		}
	}
	return nil
}
