package change

import (
	"slices"
	"strings"

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
			names := strings.Join(allowed, ", ")
			return record, ErrFields.At("update_mask", "只能修改："+names, "may name only: "+names)
		}
		copyField(from, to, from.Descriptor().Fields().ByName(protoreflect.Name(path)))
	}
	return record, nil
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
