package change

import (
	"slices"
	"strings"
	"unicode"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// Masked returns a copy of the record in which the fields that the mask names
// are as in update (AIP-134): without a mask all that update sets, by "*" all.
// Only the fields allowed may be named; where none is, the others are as they were,
// but for what no request says: name, etag and what is output alone.
func Masked[T proto.Message](record, update T, mask *fieldmaskpb.FieldMask, allowed ...string) (T, error) {
	paths, named := mask.GetPaths(), true
	if whole := slices.Equal(paths, []string{"*"}); whole || len(paths) == 0 {
		paths, named = said(update.ProtoReflect(), whole), false
	}
	was := record.ProtoReflect()
	record = proto.CloneOf(record)
	from, to := update.ProtoReflect(), record.ProtoReflect()
	for _, path := range paths {
		f := from.Descriptor().Fields().ByName(protoreflect.Name(path))
		if slices.Contains(allowed, path) {
			copyField(from, to, f)
		} else if named || !equal(from, was, f) {
			return record, fixed(from.Descriptor(), path, allowed)
		}
	}
	return record, nil
}

// said are the fields of m that a request may say something of: those that are set, or
// all of them.
func said(m protoreflect.Message, all bool) (paths []string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		behaviors, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		given := f.Name() == "etag" || slices.Contains(behaviors, annotations.FieldBehavior_IDENTIFIER) || slices.Contains(behaviors, annotations.FieldBehavior_OUTPUT_ONLY)
		if !given && (all || m.Has(f)) {
			paths = append(paths, string(f.Name()))
		}
	}
	return paths
}

// equal says whether a field is the same in both.
func equal(a, b protoreflect.Message, f protoreflect.FieldDescriptor) bool {
	return a.Has(f) == b.Has(f) && (!a.Has(f) || a.Get(f).Equal(b.Get(f)))
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

func copyField(from, to protoreflect.Message, f protoreflect.FieldDescriptor) {
	if from.Has(f) {
		to.Set(f, from.Get(f))
	} else {
		to.Clear(f)
	}
}
