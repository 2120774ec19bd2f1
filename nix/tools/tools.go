//go:build tools

// Package tools names the programs that the builders and apps run, so that one vendor tree has them.
package tools

import (
	_ "github.com/nlewo/nix2container"
	_ "oras.land/oras/cmd/oras"
)
