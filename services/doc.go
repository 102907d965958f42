// Package services is the root of the module that holds everything that runs.
// It has no code of its own: its tests say who may import whom, and that every
// package says what it is for, and that links lead somewhere.
package services
