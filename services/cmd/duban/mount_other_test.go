//go:build !linux

package main

import (
	"errors"
	"syscall"
	"testing"
)

// Only Linux lets a child mount for itself alone.
const (
	envReadOnly = "DUBAN_TEST_READONLY"
	envSmall    = "DUBAN_TEST_SMALL"
)

func mounting(*testing.T) error { return errors.ErrUnsupported }

func namespaces([]string) *syscall.SysProcAttr { return nil }

func mount() error { return nil }
