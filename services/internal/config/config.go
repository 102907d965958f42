// Package config reads the configuration: one YAML file, decoded strictly, into
// a struct of the sections that the rooms own. It knows no section itself.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// Section is a part of the configuration that can say what is wrong with it.
type Section interface {
	// Check returns every mistake at once, each with the key it is at.
	Check() error
}

// Read decodes the file at path over the defaults that are in c. An unknown key
// is an error; no path leaves the defaults.
func Read(path string, c Section) error {
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading the configuration: %w", err)
		}
		if err := decode(b, c); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return c.Check()
}

func decode(b []byte, c Section) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	return nil
}

// Print writes c as the file that would give it.
func Print(w io.Writer, c Section) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	return errors.Join(e.Encode(c), e.Close())
}
