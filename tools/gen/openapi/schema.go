package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// schemas adds to every message's schema the rules of its fields.
func (c *contract) schemas(document object) {
	for name, value := range child(document, "components", "schemas") {
		schema, _ := value.(object)
		if m := c.message(name); m != nil && schema["properties"] != nil {
			c.rules(m, schema)
		}
	}
}

func (c *contract) rules(m protoreflect.MessageDescriptor, schema object) {
	describe(schema, comment(m))
	properties := child(schema, "properties")
	var required []any
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		property, ok := properties[f.JSONName()].(object)
		if !ok {
			continue
		}
		if c.limit(f, property) {
			required = append(required, f.JSONName())
		}
	}
	if required != nil {
		schema["required"] = required
	}
}

func describe(o object, text string) {
	if text != "" {
		o["description"] = text
	}
}

// limit adds to the schema of a field what the contract demands of it, and says
// whether the field must be there.
func (c *contract) limit(f protoreflect.FieldDescriptor, schema object) bool {
	describe(schema, comment(f))
	options, err := c.options(f)
	if err != nil {
		panic(err) // the same options were linked by load
	}
	rules, _ := options[validateOption].(object)
	wide(f, schema)
	if of := f.ContainingOneof(); of != nil && !of.IsSynthetic() {
		schema["x-duban-oneof"] = string(of.Name())
	}
	c.apply(rules, schema)
	if _, sealed := options[sealedOption]; sealed || options[withheldOption] == true {
		allowEmpty(f, schema)
	}
	return rules["required"] == true
}

// wide names the format of 64-bit integers, which are strings in JSON.
func wide(f protoreflect.FieldDescriptor, schema object) {
	if f.IsList() {
		schema = child(schema, "items")
	}
	switch f.Kind() {
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		schema["format"] = "int64"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		schema["format"] = "uint64"
	}
}

// allowEmpty is for a text, or a list, that is empty in answers to some, though
// requests must give it: both have the same schema.
func allowEmpty(f protoreflect.FieldDescriptor, schema object) {
	if f.Kind() != protoreflect.StringKind {
		return
	}
	length := "minLength"
	if f.IsList() {
		length = "minItems"
	}
	if least, ok := schema[length]; ok {
		delete(schema, length)
		schema["x-duban-"+length] = least
		said, _ := schema["description"].(string)
		schema["description"] = strings.TrimSuffix(said, ".") + ". Requests must give it; answers leave it empty where it is withheld."
	}
	if pattern, ok := schema["pattern"].(string); ok && !strings.HasPrefix(pattern, orEmpty) {
		schema["pattern"] = orEmpty + pattern
	}
}

// apply writes protovalidate's rules in the words of JSON Schema.
func (c *contract) apply(rules, schema object) {
	for kind, value := range rules {
		rule, ok := value.(object)
		if !ok {
			continue
		}
		switch kind {
		case "string":
			c.text(rule, schema)
		case "repeated":
			take(rule, schema, "minItems", "minItems", "maxItems", "maxItems", "unique", "uniqueItems")
			items, _ := rule["items"].(object)
			c.apply(items, child(schema, "items"))
		case "map":
			take(rule, schema, "minPairs", "minProperties", "maxPairs", "maxProperties")
			values, _ := rule["values"].(object)
			c.apply(values, child(schema, "additionalProperties"))
		case "bytes": // base64 is never shorter
			take(rule, schema, "minLen", "minLength")
		case "enum":
			sayable(rule, schema)
		case "int64", "uint64": // strings in JSON, for which JSON Schema has no minimum
			take(rule, schema, "gte", "x-duban-minimum")
		case "int32", "uint32", "double", "float":
			take(rule, schema, "gte", "minimum", "lte", "maximum", "gt", "minimum", "lt", "maximum")
			exclusive(rule, schema)
		}
	}
}

// sayable leaves out the value 0 of an enum if the contract refuses it.
func sayable(rule, schema object) {
	values, _ := schema["enum"].([]any)
	refused, _ := rule["notIn"].([]any)
	if len(values) > 0 && slices.Contains(refused, any(0.0)) {
		schema["enum"] = values[1:]
	}
}

// take copies rules under their names in JSON Schema; 64-bit integers, which are
// strings in JSON, become numbers.
func take(rule, schema object, names ...string) {
	for i := 0; i < len(names); i += 2 {
		value, ok := rule[names[i]]
		if !ok {
			continue
		}
		if text, isText := value.(string); isText && names[i] != "pattern" {
			value = json.Number(text)
		}
		schema[names[i+1]] = value
	}
}

func exclusive(rule, schema object) {
	if rule["gt"] != nil {
		schema["exclusiveMinimum"] = true
	}
	if rule["lt"] != nil {
		schema["exclusiveMaximum"] = true
	}
}

func (c *contract) text(rule, schema object) {
	take(rule, schema, "minLen", "minLength", "maxLen", "maxLength", "len", "minLength", "len", "maxLength", "pattern", "pattern")
	if most, ok := rule["maxBytes"]; ok {
		schema["description"] = fmt.Sprintf("%v At most %v bytes of UTF-8.", schema["description"], most)
	}
	for name, value := range rule {
		if extension, ok := strings.CutPrefix(name, "["); ok && value == true {
			if pattern := c.pattern(strings.TrimSuffix(extension, "]")); pattern != "" {
				if rule["minLen"] != nil {
					pattern = strings.TrimPrefix(pattern, orEmpty)
				}
				schema["pattern"] = pattern
			}
		}
	}
}

var matches = regexp.MustCompile(`this\.matches\('([^']*)'\)`)

const orEmpty = "^$|"

// pattern returns the regular expression of one of our shared rules, which is
// written in CEL as: empty, or a match.
func (c *contract) pattern(rule string) string {
	d, err := c.files.FindDescriptorByName(protoreflect.FullName(rule))
	if err != nil {
		return ""
	}
	options, err := c.options(d)
	if err != nil {
		return ""
	}
	predefined, _ := options[ruleOption].(object)
	for _, cel := range list(predefined["cel"]) {
		expression, _ := cel["expression"].(string)
		found := matches.FindStringSubmatch(strings.ReplaceAll(expression, `\\`, `\`))
		if found == nil {
			continue
		}
		if strings.Contains(expression, "this == ''") {
			return orEmpty + found[1]
		}
		return found[1]
	}
	return ""
}
