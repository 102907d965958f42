package change

import (
	"slices"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// Masked returns a copy of the record in which the fields that the mask names
// are as in update (AIP-134). Without a mask those change that update sets.
// Only the fields allowed may be named.
func Masked[T proto.Message](record, update T, mask *fieldmaskpb.FieldMask, allowed ...string) (T, error) {
	paths := mask.GetPaths()
	if len(paths) == 0 || slices.Equal(paths, []string{"*"}) {
		paths = set(update, allowed, len(paths) > 0)
	}
	record = proto.CloneOf(record)
	from, to := update.ProtoReflect(), record.ProtoReflect()
	for _, path := range paths {
		if !slices.Contains(allowed, path) {
			return record, fixed(update.ProtoReflect().Descriptor(), path, allowed)
		}
		copyField(from, to, from.Descriptor().Fields().ByName(protoreflect.Name(path)))
	}
	return record, nil
}

// fixed says that the field at path does not change: where the resource has it, as
// REST clients need no mask, or in the mask if the resource has none such. The
// field of the request that brings a resource is named after its type (AIP-134).
func fixed(resource protoreflect.MessageDescriptor, path string, allowed []string) error {
	names := make([]string, len(allowed))
	for i, name := range allowed {
		names[i] = resource.Fields().ByName(protoreflect.Name(name)).JSONName()
	}
	list, at := strings.Join(names, ", "), "update_mask"
	if resource.Fields().ByName(protoreflect.Name(path)) != nil {
		at = snake(string(resource.Name())) + "." + path
	}
	return ErrFields.At(at, "不能修改；可以修改的有："+list, "does not change; what may change: "+list)
}

// snake is how a field is named after a type: api_key after ApiKey.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// set returns those of the allowed fields that update sets, or all of them.
func set(update proto.Message, allowed []string, all bool) []string {
	m := update.ProtoReflect()
	return slices.DeleteFunc(slices.Clone(allowed), func(name string) bool {
		return !all && !m.Has(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
	})
}

func copyField(from, to protoreflect.Message, f protoreflect.FieldDescriptor) {
	if from.Has(f) {
		to.Set(f, from.Get(f))
	} else {
		to.Clear(f)
	}
}
