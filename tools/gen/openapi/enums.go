package main

import "google.golang.org/protobuf/reflect/protoreflect"

// enums adds what the values of every enum mean that a schema has a field of:
// JSON Schema has no place for that.
func (c *contract) enums(document object) {
	all := child(document, "x-duban-enums")
	for name := range child(document, "components", "schemas") {
		m := c.message(name)
		for i := 0; m != nil && i < m.Fields().Len(); i++ {
			if e := m.Fields().Get(i).Enum(); e != nil {
				all[string(e.FullName())] = tell(e)
			}
		}
	}
}

// tell writes down an enum, in the order of its numbers as the contract has them.
func tell(e protoreflect.EnumDescriptor) object {
	var values []any
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		values = append(values, object{"name": string(v.Name()), "description": comment(v)})
	}
	return object{"description": comment(e), "values": values}
}
