// Package schemes reads the evaluation schemes (评议方案) that ship with the
// suite from the YAML files beside it. What a scheme may say is decided by
// package evaluation.
package schemes

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/shipped"
)

//go:embed *.yaml
var files embed.FS

// All returns every version of every scheme, in the order of the file names. It
// fails if one cannot be read, does not hold, or is there twice.
func All() ([]*evaluationv1.EvaluationScheme, error) {
	seen := map[string]bool{}
	return shipped.Read(files, "*.yaml", func(b []byte) (*evaluationv1.EvaluationScheme, error) {
		s, err := Parse(b)
		if err != nil {
			return nil, err
		}
		key := s.GetId() + " " + s.GetVersion()
		if seen[key] {
			return nil, fmt.Errorf("%s is in another file too", key)
		}
		seen[key] = true
		return s, nil
	})
}

// Parse reads one scheme. Keys that the contract does not know, keys that are
// there twice, and anything that evaluation.CheckScheme finds are errors.
func Parse(b []byte) (*evaluationv1.EvaluationScheme, error) {
	var tree map[string]any
	if err := yaml.Unmarshal(b, &tree); err != nil {
		return nil, err
	}
	s := &evaluationv1.EvaluationScheme{}
	prefix(tree, s.ProtoReflect().Descriptor())
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	if err := protojson.Unmarshal(text, s); err != nil {
		return nil, err
	}
	s.Name = "evaluationSchemes/" + s.GetId()
	return s, evaluation.CheckScheme(s)
}

// prefix spells the values of enums as the contract does: SCORE becomes
// KIND_SCORE. It goes as deep as the text does.
func prefix(tree map[string]any, d protoreflect.MessageDescriptor) {
	for key, value := range tree {
		f := d.Fields().ByName(protoreflect.Name(key))
		switch value := value.(type) {
		case string:
			if f != nil && f.Enum() != nil {
				zero := string(f.Enum().Values().Get(0).Name())
				tree[key] = strings.TrimSuffix(zero, "UNSPECIFIED") + value
			}
		case map[string]any:
			if f != nil && f.Message() != nil {
				prefix(value, f.Message())
			}
		case []any:
			for _, element := range value {
				if inner, ok := element.(map[string]any); ok && f != nil && f.Message() != nil {
					prefix(inner, f.Message())
				}
			}
		}
	}
}
