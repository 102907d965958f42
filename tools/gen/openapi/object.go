package main

import (
	"regexp"
	"strings"
)

// object is an object of the document.
type object = map[string]any

// child returns the object under key, which it makes if there is none.
func child(o object, keys ...string) object {
	for _, key := range keys {
		next, ok := o[key].(object)
		if !ok {
			next = object{}
			o[key] = next
		}
		o = next
	}
	return o
}

// list returns the objects of an array.
func list(value any) []object {
	var objects []object
	items, _ := value.([]any)
	for _, item := range items {
		if o, ok := item.(object); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

// merge writes over into o: objects are merged, all else is replaced.
func merge(o, over object) {
	for key, value := range over {
		inner, isObject := value.(object)
		if old, ok := o[key].(object); ok && isObject {
			merge(old, inner)
			continue
		}
		o[key] = value
	}
}

var broken = regexp.MustCompile(`\s*\n\s*`)

// oneLine undoes the line breaks of a comment.
func oneLine(comment string) string {
	return strings.TrimSpace(broken.ReplaceAllString(comment, " "))
}

// firstSentence is what a list of calls has room for.
func firstSentence(comment string) string {
	sentence, _, _ := strings.Cut(oneLine(comment)+" ", ". ")
	return strings.TrimSuffix(strings.TrimSpace(sentence), ".")
}

var named = regexp.MustCompile(`\(([^()]*\p{Han}[^()]*)\)`)

// chineseName is what the comment says in parentheses that a thing is called in
// Chinese, or "".
func chineseName(comment string) string {
	if found := named.FindStringSubmatch(comment); found != nil {
		return found[1]
	}
	return ""
}

// tidy replaces in all schemas the formats that only the plugin knows.
func tidy(value any) {
	switch v := value.(type) {
	case object:
		if format := v["format"]; format == "enum" {
			delete(v, "format")
		} else if format == "bytes" {
			v["format"] = "byte"
		}
		for _, inner := range v {
			tidy(inner)
		}
	case []any:
		for _, inner := range v {
			tidy(inner)
		}
	}
}
