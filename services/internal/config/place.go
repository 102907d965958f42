package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// key is a key of the file and the line on which it stands.
type key struct {
	path string
	line int
}

// placed gives each mistake, which begins with its key, the line of it.
func placed(keys []key, err error) (all []error) {
	for _, one := range flat(err) {
		path, _, _ := strings.Cut(one.Error(), ":")
		if line := lineOf(keys, path); line > 0 {
			one = fmt.Errorf("line %d: %w", line, one)
		}
		all = append(all, one)
	}
	return all
}

// lineOf is where a key stands or, if it does not, the one that it is missing
// under; 0 if that does not either.
func lineOf(keys []key, path string) int {
	if i := slices.IndexFunc(keys, func(k key) bool { return k.path == path }); i >= 0 {
		return keys[i].line
	}
	if i := strings.LastIndex(path, "."); i > 0 {
		return lineOf(keys, path[:i])
	}
	return 0
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
