package strict

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
)

// asked tells that a member of the body is a parameter of the call, in the query; it is
// the zero Text of what is none.
func asked(rt *route.Route, name string) problem.Text {
	f := route.Named(rt.Input(), name)
	if rt.Body == "*" || f == nil || f == bodyOf(rt) || f.IsMap() || structured(f) || slices.Contains(rt.Fields(), string(f.Name())) {
		return problem.Text{}
	}
	return problem.Text{
		Zh: "应作为查询参数给出：?" + f.JSONName() + "=…", En: "must be given in the query, as ?" + f.JSONName() + "=…",
	}
}

// enclosed tells that a parameter is given in the body, by its path from there or from the
// request; it is the zero Text of what is not.
func enclosed(rt *route.Route, name string) problem.Text {
	message, before := rt.Input(), ""
	if f := bodyOf(rt); f != nil {
		message, before = f.Message(), string(f.Name())+"."
		if inner, ok := beneath(f, name); ok {
			name = inner
		}
	}
	if rt.Body == "" || message == nil || route.Field(message, name) == nil || slices.Contains(rt.Fields(), before+protoPath(message, name)) {
		return problem.Text{}
	}
	path := problem.JSONPath(message, protoPath(message, name))
	return problem.Text{Zh: "应在正文中给出：" + path, En: "must be given in the body, as " + path}
}

// beneath cuts the body's own field off a path that begins with it.
func beneath(f protoreflect.FieldDescriptor, path string) (string, bool) {
	for _, name := range []string{f.JSONName(), f.TextName()} {
		if inner, ok := strings.CutPrefix(path, name+"."); ok {
			return inner, true
		}
	}
	return path, false
}
