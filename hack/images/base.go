package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"sigs.k8s.io/yaml"
)

// chooseBase returns the image that programs are put on, and where it is from.
// It is named as hack/release has it: ko writes the name into each image.
func chooseBase(ctx context.Context, folder, host string) (ref, origin string, err error) {
	wanted, origin := os.Getenv("KO_DEFAULTBASEIMAGE"), "of KO_DEFAULTBASEIMAGE"
	set := wanted != ""
	if !set {
		text, err := os.ReadFile(filepath.Join(folder, ".ko.yaml"))
		if err != nil {
			return "", "", err
		}
		var config struct {
			Base string `json:"defaultBaseImage"`
		}
		if err := yaml.Unmarshal(text, &config); err != nil {
			return "", "", fmt.Errorf("read .ko.yaml: %w", err)
		}
		wanted, origin = config.Base, "of .ko.yaml"
	}
	base, err := name.ParseReference(wanted)
	if err != nil {
		return "", "", err
	}
	const patience = 20 * time.Second
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	described, err := remote.Head(base, remote.WithContext(short))
	switch {
	case err == nil:
		return wanted, fmt.Sprintf("%s, now %s", origin, described.Digest), nil
	case set || ctx.Err() != nil:
		return "", "", fmt.Errorf("look for the base image %s: %w", wanted, err)
	}

	made, makeErr := makeBase(ctx)
	if makeErr != nil {
		return "", "", fmt.Errorf("make a base image, since %s is not reached: %w", wanted, makeErr)
	}
	tag, err := name.NewTag(host + "/base:nonroot")
	if err != nil {
		return "", "", err
	}
	if err := remote.Write(tag, made, remote.WithContext(ctx)); err != nil {
		return "", "", err
	}
	return tag.Name(), fmt.Sprintf("made here, since %s is not reached; its name is in the images, and makes their digests those of this run only", wanted), nil
}

// makeBase makes an image with what the base of .ko.yaml has and our programs
// use: certificates of authorities, time zones and a user who is not root.
func makeBase(ctx context.Context) (v1.Image, error) {
	goroot, err := output(ctx, "", "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	zones, err := zip.OpenReader(filepath.Join(goroot, "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer zones.Close()
	authorities, err := readFirst("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
	if err != nil {
		return nil, err
	}

	var archive bytes.Buffer
	files := tar.NewWriter(&archive) // no time and no user of this machine
	dir := func(name string, mode int64, user int) error {
		return files.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, Uid: user, Gid: user})
	}
	file := func(name string, content []byte) error {
		err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))})
		if err != nil {
			return err
		}
		_, err = files.Write(content)
		return err
	}
	err = errors.Join(
		dir("tmp", 0o1777, 0),
		dir("home/nonroot", 0o700, 65532),
		file("etc/passwd", []byte("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")),
		file("etc/group", []byte("root:x:0:\nnonroot:x:65532:\n")),
		file("etc/ssl/certs/ca-certificates.crt", authorities),
	)
	if err != nil {
		return nil, err
	}
	for _, zone := range zones.File {
		if strings.HasSuffix(zone.Name, "/") {
			continue
		}
		content, err := readZone(zone)
		if err != nil {
			return nil, err
		}
		if err := file(path.Join("usr/share/zoneinfo", zone.Name), content); err != nil {
			return nil, err
		}
	}
	if err := files.Close(); err != nil {
		return nil, err
	}

	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.AppendLayers(image, layer); err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config = v1.Config{
		User:       "65532",
		Env:        []string{"PATH=/usr/bin:/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		WorkingDir: "/home/nonroot",
	}
	return mutate.ConfigFile(image, config)
}

// readFirst returns the first file that is there.
func readFirst(names ...string) (content []byte, err error) {
	for _, name := range names {
		if content, err = os.ReadFile(name); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return content, err
}

func readZone(zone *zip.File) ([]byte, error) {
	content, err := zone.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}
