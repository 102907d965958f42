package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// texts are the mistakes that the library found, one by one.
func texts(e *yaml.TypeError) (all []error) {
	for _, text := range e.Errors {
		all = append(all, errors.New(text))
	}
	return all
}

// key is a key of the file and the line on which it stands.
type key struct {
	path string
	line int
}

// placed gives each of the mistakes its line and key: what decoding found has a
// line, what a section refuses begins with a key.
func placed(b []byte, found ...error) (all []error) {
	var document yaml.Node
	_ = yaml.Unmarshal(b, &document) // what is no YAML has no keys
	keys := keysOf("", &document)
	for _, err := range found {
		for _, one := range flat(err) {
			all = append(all, place(one, keys))
		}
	}
	return all
}

// flat takes joined errors apart.
func flat(err error) (all []error) {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		all = append(all, flat(one)...)
	}
	return all
}

var lined = regexp.MustCompile(`^line ([0-9]+): (.*)$`)

func place(err error, keys []key) error {
	if m := lined.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1]) // digits
		if i := slices.IndexFunc(keys, func(k key) bool { return k.line == line }); i >= 0 {
			return fmt.Errorf("line %d: %s: %s", line, keys[i].path, m[2])
		}
		return err
	}
	path, _, _ := strings.Cut(err.Error(), ":")
	if i := slices.IndexFunc(keys, func(k key) bool { return k.path == path }); i >= 0 {
		return fmt.Errorf("line %d: %w", keys[i].line, err)
	}
	return err
}

// keysOf lists the keys beneath a node, the innermost of a line first. It ends
// because the file does: an alias is not followed.
func keysOf(path string, n *yaml.Node) (all []key) {
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			all = append(all, keysOf(path, c)...)
			if n.Kind == yaml.SequenceNode {
				all = append(all, key{path, c.Line})
			}
		}
		return all
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
		all = append(all, keysOf(name, n.Content[i+1])...)
		all = append(all, key{name, n.Content[i].Line})
	}
	return all
}
