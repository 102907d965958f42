package serve

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
)

// legible returns the fault that names the strings of m, at any depth and keys of
// maps too, which hold what no text has: C0 control characters but tab and line
// break, and delete. A file's name has no tab, line break or path separator
// either.
func legible(m proto.Message) error {
	f := errFields
	err := protorange.Range(m.ProtoReflect(), func(at protopath.Values) error {
		if reads(at) {
			return nil
		}
		f = f.At(fieldOf(at.Path), "含有控制字符或不允许的字符", "has control characters, or others that it may not have")
		f.Fields[len(f.Fields)-1].Rule = "string.text"
		if len(f.Fields) == violations {
			return protorange.Terminate
		}
		return nil
	})
	if err != nil || len(f.Fields) == 0 {
		return err
	}
	return f
}

// reads says whether a value is no string, or a legible one.
func reads(at protopath.Values) bool {
	last := at.Index(-1)
	if last.Step.Kind() == protopath.MapIndexStep {
		if key, ok := last.Step.MapIndex().Interface().(string); ok && strings.ContainsFunc(key, unprintable) {
			return false
		}
	}
	s, ok := last.Value.Interface().(string)
	if !ok {
		return true
	}
	if strings.HasSuffix(fieldOf(at.Path), "file_name") && strings.ContainsAny(s, "/\\\t\n") {
		return false
	}
	return !strings.ContainsFunc(s, unprintable)
}

func unprintable(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }

// fieldOf writes a path as the rules of the contract do: unit.labels["a"].
func fieldOf(path protopath.Path) string {
	return strings.TrimPrefix(path[1:].String(), ".")
}
