package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

var errFields = fault.Of(faultv1.Reason_REASON_FIELDS_INVALID)

const violations = 20 // named at most in one answer

// validation holds a request against the rules that the contract states beside
// its fields.
func validation(v protovalidate.Validator) Step {
	return func(ctx context.Context, call Call, next func(context.Context) error) error {
		m, ok := call.Request.(proto.Message)
		if !ok {
			return next(ctx)
		}
		if err := check(v, m); err != nil {
			return err
		}
		return next(ctx)
	}
}

// check returns the fault that names the fields of m which are no text, or else
// break a rule.
func check(v protovalidate.Validator, m proto.Message) error {
	if err := legible(m); err != nil {
		return err
	}
	err := v.Validate(m)
	var invalid *protovalidate.ValidationError
	if errors.As(err, &invalid) {
		return fieldFault(unasked(m, invalid.Violations))
	}
	if err != nil {
		return fmt.Errorf("the rules of %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return nil
}

// Validate holds a message that did not come as a request against the rules of
// the contract.
func (p *Process) Validate(m proto.Message) error { return check(p.validator, m) }

// fieldFault names the fields, or is nil if there is nothing to name.
func fieldFault(found []*protovalidate.Violation) error {
	if len(found) == 0 {
		return nil
	}
	f := errFields
	for i, v := range found {
		if i == violations {
			break
		}
		f = f.At(protovalidate.FieldPathString(v.Proto.GetField()), inChinese(v), v.Proto.GetMessage())
		f.Fields[i].Rule = v.Proto.GetRuleId()
	}
	return f
}

// chinese says, for the rules that the contract uses, what they ask for; %s is
// the rule's value.
var chinese = map[string]string{
	"required":               "不能为空",
	"string.min_len":         "至少 %s 个字符",
	"string.max_len":         "最多 %s 个字符",
	"string.max_bytes":       "最多 %s 字节",
	"string.len":             "必须为 %s 个字符",
	"string.pattern":         "格式不符合要求：%s",
	"string.in":              "取值不在允许范围内",
	"string.civil_date":      "必须是存在的日期，格式为 YYYY-MM-DD",
	"string.unit":            "必须是单位名称，格式为 units/{单位编号}",
	"string.ip_prefix":       "必须是网段，如 192.0.2.0/24，主机位为零",
	"string.ip_prefix_empty": "不能为空",
	"string.identifier":      "只能使用小写字母、数字和连字符，最多 63 个字符，且不以连字符开头",
	"bytes.len":              "必须为 %s 字节",
	"bytes.max_len":          "最多 %s 字节",
	"enum.defined_only":      "取值未定义",
	"enum.not_in":            "不能为该取值",
	"enum.in":                "取值不在允许范围内",
	"repeated.min_items":     "至少 %s 项",
	"repeated.max_items":     "最多 %s 项",
	"repeated.unique":        "不能有重复项",
	"map.max_pairs":          "最多 %s 项",
	"int32.gte":              "不能小于 %s",
	"int32.gte_lte":          "超出允许范围",
	"int32.lte":              "不能大于 %s",
	"duration.gte_lte":       "超出允许范围",
	"oneof.required":         "必须且只能填写其中一项",
	"message.oneof":          "必须且只能填写其中一项",
	"double.finite":          "必须是有限的数",
	"double.gte_lte":         "超出允许范围",
	"int64.gte":              "不能小于 %s",
	"uint64.lte":             "不能大于 %s",
	"double.gte":             "不能小于 %s",
}

func inChinese(v *protovalidate.Violation) string {
	text, ok := chinese[v.Proto.GetRuleId()]
	switch {
	case !ok:
		return "不符合要求（" + v.Proto.GetRuleId() + "）"
	case strings.Contains(text, "%s"):
		return fmt.Sprintf(text, v.RuleValue.String())
	default:
		return text
	}
}
