package serve

import (
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/text"
)

// chinese says, for every rule that the contract uses, what it asks for; %s is
// the rule's value, or both of a range. What patterns and enums ask for is said by said.
var chinese = map[string]string{
	"required":               "不能为空",
	"bool.const":             "只能为 %s，否则不填",
	"string.min_len":         "至少 %s 个字符",
	"string.max_len":         "最多 %s 个字符",
	"string.max_bytes":       "最多 %s 字节",
	"string.civil_date":      "必须是存在的日期，格式为 YYYY-MM-DD",
	"string.unit":            "必须是单位名称，格式为 units/{单位编号}",
	"string.ip_prefix":       "必须是网段，如 192.0.2.0/24，主机位为零",
	"string.ip_prefix_empty": "不能为空",
	"string.line":            "只能为一行，不含换行和控制字符，首尾不留空白",
	"string.unmapped":        "IPv4 网段请直接写成 IPv4，如 192.0.2.0/24",
	"string.identifier":      "只能使用小写字母、数字和连字符，最多 63 个字符，且不以连字符开头",
	"bytes.len":              "必须为 %s 字节",
	"bytes.min_len":          "至少 %s 字节",
	"timestamp.lt":           "必须早于 %s",
	"bytes.max_len":          "最多 %s 字节",
	"repeated.min_items":     "至少 %s 项",
	"repeated.max_items":     "最多 %s 项",
	"repeated.unique":        "不能有重复项",
	"map.max_pairs":          "最多 %s 项",
	"int32.gte":              "不能小于 %s",
	"int32.gte_lte":          "必须在 %s 至 %s 之间",
	"duration.gte_lte":       "必须在 %s 至 %s 之间",
	"int64.gte_lte":          "必须在 %s 至 %s 之间",
}

// said says in Chinese and in English what is to be written instead of what broke
// the rule at that field.
func said(field protoreflect.FieldDescriptor, v *protovalidate.Violation) (zh, en string) {
	switch rule := v.Proto.GetRuleId(); rule {
	case "string.min_len", "bytes.min_len", "repeated.min_items":
		if v.RuleValue.Uint() == 1 {
			return chinese["required"], "must not be empty"
		}
		return inChinese(v), v.Proto.GetMessage()
	case "string.pattern":
		return text.Form(v.RuleValue.String())
	case "enum.defined_only", "enum.not_in", "enum.in":
		return choice(field)
	default:
		return inChinese(v), v.Proto.GetMessage()
	}
}

func inChinese(v *protovalidate.Violation) string {
	says, ok := chinese[v.Proto.GetRuleId()]
	var low, high string
	_, err := fmt.Sscanf(v.Proto.GetMessage(), "must be greater than or equal to %s and less than or equal to %s", &low, &high)
	switch {
	case !ok:
		return "不符合要求（" + v.Proto.GetRuleId() + "）"
	case err == nil:
		return fmt.Sprintf(says, low, high)
	case v.Proto.GetRuleId() == "timestamp.lt":
		return fmt.Sprintf(says, strings.TrimPrefix(v.Proto.GetMessage(), "must be less than "))
	case strings.Contains(says, "%s"):
		return fmt.Sprintf(says, v.RuleValue.String())
	default:
		return says
	}
}

// wrong is what is said of a violation, at each field that is concerned: a oneof that has
// nothing is no field, but its members are.
func wrong(of protoreflect.MessageDescriptor, v *protovalidate.Violation) (all []fault.Field) {
	rule, path := v.Proto.GetRuleId(), protovalidate.FieldPathString(v.Proto.GetField())
	field, oneof := place(of, v)
	if oneof == nil {
		zh, en := said(field, v)
		return []fault.Field{{Path: path, Rule: rule, Zh: zh, En: en}}
	}
	var names []string
	for i := range oneof.Fields().Len() {
		names = append(names, oneof.Fields().Get(i).JSONName())
		all = append(all, fault.Field{Path: strings.TrimSuffix(path, string(oneof.Name())) + string(oneof.Fields().Get(i).Name()), Rule: rule})
	}
	for i := range all {
		all[i].Zh, all[i].En = "必须给出其中之一："+strings.Join(names, "、"), "one is required of "+strings.Join(names, ", ")
	}
	return all
}

// place is the field that the violation is at, also if it is at an item of it, of which the
// violation itself does not tell the field; or the oneof, which has no number.
func place(of protoreflect.MessageDescriptor, v *protovalidate.Violation) (field protoreflect.FieldDescriptor, oneof protoreflect.OneofDescriptor) {
	for _, step := range v.Proto.GetField().GetElements() {
		if step.GetFieldNumber() == 0 {
			return nil, of.Oneofs().ByName(protoreflect.Name(step.GetFieldName()))
		}
		field = of.Fields().ByNumber(protoreflect.FieldNumber(step.GetFieldNumber()))
		if of = field.Message(); field.IsMap() {
			of = field.MapValue().Message()
		}
	}
	return field, nil
}

// choice names the values of an enum that say something.
func choice(field protoreflect.FieldDescriptor) (zh, en string) {
	if field.IsMap() {
		field = field.MapValue()
	}
	var names []string
	for i, values := 0, field.Enum().Values(); i < values.Len(); i++ {
		if v := values.Get(i); v.Number() != 0 {
			names = append(names, string(v.Name()))
		}
	}
	return "请填写以下取值之一：" + strings.Join(names, "、"), "must be one of " + strings.Join(names, ", ")
}
