// Package config reads the configuration: one YAML file, decoded strictly, into
// a struct of the sections that the rooms own. It knows no section itself.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// ErrWrong says that a process cannot run as it is configured: no second try
// helps before somebody has changed the configuration.
var ErrWrong = errors.New("the configuration is wrong")

// Section is a part of the configuration that can say what is wrong with it.
type Section interface {
	// Check returns every mistake at once, joined, each beginning with the path
	// of its key and a colon: "limits.burst: must be above 0".
	Check() error
}

// Read decodes the file at path over the defaults that are in c, and returns
// everything that is wrong with it at once, each with its line and key where they
// are known, as an ErrWrong. An unknown key is an error; no path leaves the defaults.
func Read(path string, c Section) error {
	if path == "" {
		return wrong(c.Check())
	}
	file, err := os.Open(path)
	if err != nil {
		return wrong(err)
	}
	defer file.Close()
	keys, err := decode(file, c)
	var mistakes []error
	for _, err := range append(flat(err), placed(keys, c.Check())...) {
		mistakes = append(mistakes, fmt.Errorf("%s: %w", path, err))
	}
	return wrong(errors.Join(mistakes...))
}

func wrong(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w:\n%w", ErrWrong, err)
}

// Print writes c as the file that would give it.
func Print(w io.Writer, c Section) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	return errors.Join(e.Encode(c), e.Close())
}
