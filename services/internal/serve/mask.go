package serve

import (
	"slices"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// unasked drops the violations of fields that a partial update (AIP-134) does
// not change: what its mask leaves out or, without a mask, what it does not set. By
// "*" it changes all.
func unasked(m proto.Message, all []*protovalidate.Violation) []*protovalidate.Violation {
	field := m.ProtoReflect().Descriptor().Fields().ByName("update_mask")
	if field == nil {
		return all
	}
	mask, _ := m.ProtoReflect().Get(field).Message().Interface().(*fieldmaskpb.FieldMask)
	return slices.DeleteFunc(slices.Clone(all), func(v *protovalidate.Violation) bool {
		path := v.Proto.GetField().GetElements()
		if len(path) < 2 {
			return false // about the request itself
		}
		if paths := mask.GetPaths(); len(paths) > 0 {
			return paths[0] != "*" && !slices.Contains(paths, path[1].GetFieldName())
		}
		return !sets(m.ProtoReflect(), path[0].GetFieldName(), path[1].GetFieldName())
	})
}

// sets says whether the resource in the request has the field.
func sets(m protoreflect.Message, resource, field string) bool {
	r := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(resource))).Message()
	return r.Has(r.Descriptor().Fields().ByName(protoreflect.Name(field)))
}
