// Package settings reads which environment variables the programs read, from
// the tags of their config structs.
package settings

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Setting is one environment variable of a program.
type Setting struct {
	Name     string
	Program  string
	Default  string // empty: none
	Required bool
	Comment  string
}

// Programs are the programs that have settings, by folder.
var Programs = []string{"functions/todo", "functions/chat", "functions/migrate", "frontend"}

// Read returns the settings of a program, in the order of its config struct;
// root is the repository's.
func Read(root, program string) ([]Setting, error) {
	files, err := filepath.Glob(filepath.Join(root, program, "*.go"))
	if err != nil {
		return nil, err
	}
	structs := make(map[string]*ast.StructType)
	if err := collect(structs, "", files...); err != nil {
		return nil, err
	}
	if err := collect(structs, "web.", filepath.Join(root, "internal/web/config.go")); err != nil {
		return nil, err
	}
	config, ok := structs["config"]
	if !ok {
		return nil, fmt.Errorf("%s has no config struct", program)
	}
	return fields(structs, config, filepath.Base(program), "")
}

func collect(structs map[string]*ast.StructType, prefix string, files ...string) error {
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return fmt.Errorf("parse %s: %w", file, err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					structs[prefix+spec.Name.Name] = s
				}
			}
			return true
		})
	}
	return nil
}

func fields(structs map[string]*ast.StructType, of *ast.StructType, program, prefix string) ([]Setting, error) {
	var out []Setting
	for _, f := range of.Fields.List {
		tag := tagOf(f)
		nested, isNested := structs[typeName(f.Type)]
		if isNested {
			more, err := fields(structs, nested, program, prefix+option(tag, "prefix="))
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		name, _, _ := strings.Cut(tag, ",")
		if name == "" {
			return nil, fmt.Errorf("a field of %s's config has no env tag", program)
		}
		out = append(out, Setting{
			Name: prefix + name, Program: program, Default: option(tag, "default="),
			Required: strings.Contains(tag, ", required"), Comment: strings.TrimSpace(f.Comment.Text()),
		})
	}
	return out, nil
}

func tagOf(f *ast.Field) string {
	if f.Tag == nil {
		return ""
	}
	return reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("env")
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return fmt.Sprint(e.X, ".", e.Sel.Name)
	}
	return ""
}

func option(tag, name string) string {
	for part := range strings.SplitSeq(tag, ", ") {
		if value, ok := strings.CutPrefix(part, name); ok {
			return value
		}
	}
	return ""
}

// Table is the settings of all programs as a Markdown table; a setting that
// several programs have alike is one row.
func Table(root string) (string, error) {
	var rows []Setting
	for _, program := range Programs {
		read, err := Read(root, program)
		if err != nil {
			return "", err
		}
		for _, s := range read {
			i := slices.IndexFunc(rows, func(r Setting) bool {
				return r.Name == s.Name && r.Default == s.Default && r.Comment == s.Comment && r.Required == s.Required
			})
			if i < 0 {
				rows = append(rows, s)
			} else {
				rows[i].Program += ", " + s.Program
			}
		}
	}
	var b strings.Builder
	b.WriteString("| variable | read by | default | |\n|---|---|---|---|\n")
	for _, s := range rows {
		value := "`" + s.Default + "`"
		switch {
		case s.Required:
			value = "required"
		case s.Default == "":
			value = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, s.Program, value, s.Comment)
	}
	return b.String(), nil
}
