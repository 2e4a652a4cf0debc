package main

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
)

// shrink writes a picture again, as small as PNG makes it: Chromium is in a
// hurry when it compresses.
func shrink(shot []byte) ([]byte, error) {
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, fmt.Errorf("read the screenshot: %w", err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("write the picture: %w", err)
	}
	return out.Bytes(), nil
}

// fontConfig prefers Inter where the page asks for the system's font.
const fontConfig = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family" compare="eq"><string>system-ui</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
  <match target="pattern">
    <test name="family" compare="eq"><string>sans</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
  <match target="pattern">
    <test name="family" compare="eq"><string>sans-serif</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
</fontconfig>
`

func writeFontConfig() (string, error) {
	f, err := os.CreateTemp("", "todochat-fonts-*.conf")
	if err != nil {
		return "", fmt.Errorf("write the font settings: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteString(fontConfig); err != nil {
		return "", fmt.Errorf("write the font settings: %w", err)
	}
	return f.Name(), nil
}
