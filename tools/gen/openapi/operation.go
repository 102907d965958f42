package main

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// operations completes every operation of the document. Operations without a
// call and calls without an operation are errors.
func (c *contract) operations(document object) error {
	seen := map[string]bool{}
	for path, value := range child(document, "paths") {
		item, _ := value.(object)
		for verb, value := range item {
			o, _ := value.(object)
			id, _ := o["operationId"].(string)
			call := c.calls[id]
			if call == nil {
				return fmt.Errorf("%s %s is no call of the contract", verb, path)
			}
			seen[id] = true
			if err := c.operation(o, call, path); err != nil {
				return err
			}
		}
	}
	for id := range c.calls {
		if !seen[id] {
			return fmt.Errorf("the document lacks %s", id)
		}
	}
	return nil
}

func (c *contract) operation(o object, call protoreflect.MethodDescriptor, path string) error {
	options, err := c.options(call)
	if err != nil {
		return err
	}
	access, _ := options[accessOption].(object)
	route, _ := options[httpOption].(object)
	o["summary"], o["description"] = firstSentence(comment(call)), comment(call)
	if o["x-duban-name"] = chineseName(comment(call)); o["x-duban-name"] == "" {
		return fmt.Errorf("the comment of %s has no Chinese name in parentheses", call.FullName())
	}
	permission(o, access)
	if access["scope"] != nil {
		o["x-duban-key-scope"] = keyScope(call, access, route)
	}
	for _, p := range list(o["parameters"]) {
		c.parameter(p, call.Input(), route, path)
	}
	matched := concurrent(call, route)
	if has(call.Input(), "request_id") {
		reference(o, "IdempotencyKey")
	}
	if matched {
		reference(o, "IfMatch")
	}
	answers(o, call, access, matched)
	return nil
}

// keyScope is what a key that is narrowed to scopes must name to make the call: those
// that change nothing are GET and leave no event.
func keyScope(call protoreflect.MethodDescriptor, access, route object) string {
	service := strings.Split(string(call.FullName()), ".")[1]
	if route["get"] != nil && access["event"] == nil {
		return service + ":read"
	}
	return service + ":write"
}

// permission says who may call.
func permission(o, access object) {
	if access["public"] == true {
		o["security"] = []any{}
		o["x-duban-public"] = true
	}
	for _, name := range []string{"roles", "scope", "event", "person", "bootstrap"} {
		if value, ok := access[name]; ok {
			o["x-duban-"+name] = value
		}
	}
}

// parameter adds the limits of a query parameter's field, or the pattern of a
// path's segment.
func (c *contract) parameter(p object, input protoreflect.MessageDescriptor, route object, path string) {
	name, _ := p["name"].(string)
	if p["in"] == "path" {
		if pattern := c.segment(name, input, route, path); pattern != "" {
			child(p, "schema")["pattern"] = pattern
		}
		return
	}
	f := input.Fields().ByJSONName(name)
	if f == nil {
		return
	}
	schema := child(p, "schema")
	required := c.limit(f, schema)
	p["description"] = schema["description"]
	delete(schema, "description")
	if required {
		p["required"] = true
	}
}

// segment returns the pattern of one segment of a resource name, which is a part
// of the whole name's pattern: ^units/…/members/…$.
func (c *contract) segment(name string, input protoreflect.MessageDescriptor, route object, path string) string {
	segments := strings.Split(path, "/")
	at := slices.IndexFunc(segments, func(s string) bool { return strings.HasPrefix(s, "{"+name+"}") })
	if at < 1 {
		return ""
	}
	field, whole := variable(route)
	names := strings.Split(whole, "/")
	f := fieldAt(input, field)
	if f == nil {
		return ""
	}
	schema := object{}
	c.limit(f, schema)
	pattern, _ := schema["pattern"].(string)
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(pattern, orEmpty), "^"), "$"), "/")
	i := slices.Index(names, segments[at-1]) + 1
	if i == 0 || i >= len(parts) || len(parts) != len(names) || parts[i-1] != names[i-1] {
		return ""
	}
	return "^" + parts[i] + "$"
}

// variable returns the field that a route's path gives and its pattern.
func variable(route object) (field, pattern string) {
	for _, verb := range []string{"get", "post", "patch", "delete", "put"} {
		template, _ := route[verb].(string)
		if _, rest, ok := strings.Cut(template, "{"); ok {
			inner, _, _ := strings.Cut(rest, "}")
			field, pattern, _ = strings.Cut(inner, "=")
		}
	}
	return field, pattern
}

// fieldAt returns the field at a dotted path, or nil.
func fieldAt(m protoreflect.MessageDescriptor, path string) (f protoreflect.FieldDescriptor) {
	for name := range strings.SplitSeq(path, ".") {
		if m == nil {
			return nil
		}
		if f = m.Fields().ByTextName(name); f == nil {
			return nil
		}
		m = f.Message()
	}
	return f
}

func has(m protoreflect.MessageDescriptor, field protoreflect.Name) bool {
	return m != nil && m.Fields().ByName(field) != nil
}

// concurrent says whether the call changes a record that has an etag already.
func concurrent(call protoreflect.MethodDescriptor, route object) bool {
	if has(call.Input(), "etag") {
		return true
	}
	body, _ := route["body"].(string)
	f := call.Input().Fields().ByName(protoreflect.Name(body))
	return route["patch"] != nil && f != nil && has(f.Message(), "etag")
}

func reference(o object, parameter string) {
	parameters, _ := o["parameters"].([]any)
	o["parameters"] = append(parameters, object{"$ref": "#/components/parameters/" + parameter})
}

// answers lists the ways in which the call can be answered.
func answers(o object, call protoreflect.MethodDescriptor, access object, matched bool) {
	responses := child(o, "responses")
	delete(responses, "default")
	headers := child(responses, "200", "headers")
	headers["X-Request-Id"] = object{"$ref": "#/components/headers/RequestId"}
	limits(headers)
	if has(call.Output(), "etag") {
		headers["ETag"] = object{"$ref": "#/components/headers/ETag"}
	}
	if call.Output().FullName() == "google.api.HttpBody" {
		child(responses, "200")["content"] = tables()
		headers["Content-Disposition"] = object{"$ref": "#/components/headers/ContentDisposition"}
	}
	codes := []string{"400", "404", "429", "500", "503"}
	if access["public"] != true {
		codes = append(codes, "401", "403")
	}
	if access["event"] != nil || has(call.Input(), "request_id") {
		codes = append(codes, "409")
	}
	if matched {
		codes = append(codes, "412")
	}
	if o["requestBody"] != nil {
		codes = append(codes, "413", "415")
	}
	for _, code := range codes {
		responses[code] = object{"$ref": "#/components/responses/" + code}
	}
}

// limits adds the headers that say how often the caller may call.
func limits(headers object) {
	headers["RateLimit-Policy"] = object{"$ref": "#/components/headers/RateLimitPolicy"}
	headers["RateLimit"] = object{"$ref": "#/components/headers/RateLimit"}
}

// tables are the forms in which a call that answers with a file does so.
func tables() object {
	file := object{"schema": object{"type": "string", "format": "binary"}}
	return object{"text/csv": file, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": file}
}

// refusals gives every error answer its headers and its two forms.
func refusals(document object) {
	for code, value := range child(document, "components", "responses") {
		response, _ := value.(object)
		response["content"] = object{
			"application/json":         object{"schema": object{"$ref": "#/components/schemas/google.rpc.Status"}},
			"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}},
		}
		headers := child(response, "headers")
		headers["X-Request-Id"] = object{"$ref": "#/components/headers/RequestId"}
		headers["Content-Language"] = object{"$ref": "#/components/headers/ContentLanguage"}
		switch code {
		case "413", "415": // of the gateway, which asks nobody how often somebody may call
		default:
			limits(headers)
		}
		switch code {
		case "401":
			headers["WWW-Authenticate"] = object{"$ref": "#/components/headers/Authenticate"}
		case "429":
			headers["Retry-After"] = object{"$ref": "#/components/headers/RetryAfter"}
		case "503":
			headers["Retry-After"] = object{"$ref": "#/components/headers/RetryAfter"}
		}
	}
}
