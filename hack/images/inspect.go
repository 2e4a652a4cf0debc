package main

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// mostBytes is what an image may have to transfer, base included.
const mostBytes = 15_000_000

// image is one that was built, with its SBOM in SPDX's JSON.
type image struct {
	v1.Image
	digest string
	sbom   []byte
}

// facts are what the table shows.
type facts struct {
	size, base int64 // bytes as transferred
	modules    int   // that the SBOM names, ours included
}

// inspect returns an error for each thing that is wrong with the image.
func inspect(i image, program string) (facts, error) {
	var f facts
	var findings []error
	wrong := func(format string, args ...any) { findings = append(findings, fmt.Errorf(format, args...)) }

	layers, err := i.Layers()
	if err != nil {
		return f, err
	}
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return f, err
		}
		f.size += size
	}
	if f.size > mostBytes {
		wrong("it has %s, at most %s are wanted", megabytes(f.size), megabytes(mostBytes))
	}

	file, err := i.ConfigFile()
	if err != nil {
		return f, err
	}
	if f.base, err = baseSize(file, layers); err != nil {
		return f, err
	}
	if file.OS != "linux" || file.Architecture != "amd64" {
		wrong("it is for %s/%s, want linux/amd64", file.OS, file.Architecture)
	}
	// A number: the kubelet cannot tell whether a name is root.
	if user, _, _ := strings.Cut(file.Config.User, ":"); user != "65532" {
		wrong("it runs as %q, want 65532", file.Config.User)
	}
	for line := range strings.Lines(labels) {
		key, want, _ := strings.Cut(strings.TrimSpace(line), "=")
		if got := file.Config.Labels[key]; got != want {
			wrong("label %s is %q, want %q", key, got, want)
		}
	}
	start := "/ko-app/" + path.Base(program)
	if !slices.Equal(file.Config.Entrypoint, []string{start}) {
		wrong("it starts %q, want %s", file.Config.Entrypoint, start)
	}

	info, err := staticProgram(i, start)
	if err != nil {
		wrong("%s: %w", start, err)
		return f, errors.Join(findings...)
	}
	if want := "github.com/todochat/todochat/" + program; info.Path != want {
		wrong("it holds the program %s, want %s", info.Path, want)
	}
	f.modules, err = listed(i.sbom, info)
	if err != nil {
		wrong("SBOM: %w", err)
	}
	return f, errors.Join(findings...)
}

// baseSize sums the layers below those that ko adds.
func baseSize(file *v1.ConfigFile, layers []v1.Layer) (int64, error) {
	var sum int64
	i := 0
	for _, step := range file.History {
		switch {
		case step.EmptyLayer:
			continue
		case strings.HasPrefix(step.CreatedBy, "ko "), i == len(layers):
			return sum, nil
		}
		size, err := layers[i].Size()
		if err != nil {
			return 0, err
		}
		sum += size
		i++
	}
	return sum, nil
}

// staticProgram finds a program in the image and returns what Go has noted in
// it; an error unless it runs without anything else on linux/amd64.
func staticProgram(i v1.Image, name string) (*debug.BuildInfo, error) {
	content, err := find(i, name)
	if err != nil {
		return nil, err
	}
	program, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if program.Machine != elf.EM_X86_64 {
		return nil, fmt.Errorf("it is for %s", program.Machine)
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			return nil, errors.New("it is not static")
		}
	}
	return buildinfo.Read(bytes.NewReader(content))
}

// find returns the content of an executable file.
func find(i v1.Image, name string) ([]byte, error) {
	root := mutate.Extract(i)
	defer root.Close()
	for files := tar.NewReader(root); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is not there")
		}
		if err != nil {
			return nil, err
		}
		if path.Join("/", header.Name) != name {
			continue
		}
		if header.Typeflag != tar.TypeReg || header.Mode&0o005 != 0o005 {
			return nil, errors.New("not everybody can execute it")
		}
		return io.ReadAll(files)
	}
}

// listed compares an SBOM with the modules that a program is made of, and
// returns how many of them it names.
func listed(sbom []byte, info *debug.BuildInfo) (int, error) {
	var document struct {
		Version  string `json:"spdxVersion"`
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"versionInfo"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(sbom, &document); err != nil {
		return 0, err
	}
	if !strings.HasPrefix(document.Version, "SPDX-") {
		return 0, fmt.Errorf("its version is %q, which is not SPDX's", document.Version)
	}
	versions := map[string]string{}
	for _, p := range document.Packages {
		versions[p.Name] = p.Version
	}
	var findings []error
	n := 0
	if _, ok := versions[info.Main.Path]; ok {
		n++
	} else {
		findings = append(findings, fmt.Errorf("it does not name %s", info.Main.Path))
	}
	for _, m := range info.Deps {
		if got, ok := versions[m.Path]; !ok || got != m.Version {
			findings = append(findings, fmt.Errorf("it does not name %s %s", m.Path, m.Version))
			continue
		}
		n++
	}
	return n, errors.Join(findings...)
}
