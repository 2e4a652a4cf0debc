package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckNamesEveryFileThatDiffers(t *testing.T) {
	t.Parallel()
	want := map[string][]byte{"preact.js": []byte("module"), "LICENSES.txt": []byte("licences"), "preact.d.ts": []byte("types")}
	folder := filepath.Join(t.TempDir(), "vendor")
	if err := compare(folder, want); err == nil {
		t.Error("a folder that is not there is up to date, want an error")
	}
	if err := write(folder, want); err != nil {
		t.Fatal(err)
	}
	if err := compare(folder, want); err != nil {
		t.Errorf("what was just written: %v, want no error", err)
	}

	for name, content := range map[string]string{"preact.js": "module, edited by hand", "stray.js": "of nobody"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := compare(folder, want)
	if err == nil {
		t.Fatal("an edited file and a stray one are up to date, want an error")
	}
	for _, name := range []string{"preact.js", "stray.js"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("got %q, want it to name %s", err, name)
		}
	}
	if strings.Contains(err.Error(), "LICENSES.txt") {
		t.Errorf("got %q, want nothing about LICENSES.txt", err)
	}
}

func TestEveryLockedPackageHasAVersionAndALicence(t *testing.T) {
	t.Parallel()
	packages, err := lockedPackages()
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 4 {
		t.Errorf("the lock file pins %v, want preact, signals, signals-core and htm", packages)
	}
	for _, p := range packages {
		if p.Version == "" || p.License == "" {
			t.Errorf("%+v lacks its version or its licence", p)
		}
	}
}
