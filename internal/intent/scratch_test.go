package intent
import ("testing";"bufio";"os";"encoding/json";"fmt")
func TestScratch(t *testing.T){ f,err:=os.Open(os.Getenv("CASES")); if err!=nil{t.Skip()}
 s:=bufio.NewScanner(f); n,bad:=0,0
 for s.Scan(){ if len(s.Bytes())==0 {continue}; var c struct{Message string; Intents []Intent}; if err:=json.Unmarshal(s.Bytes(),&c);err!=nil{t.Fatal(err, s.Text())}
  n++; got:=Rules(c.Message); if !Equal(got,c.Intents){ bad++; a,_:=json.Marshal(got); b,_:=json.Marshal(c.Intents); d:=""; if WrongDestructive(c.Intents,got){d=" !!DESTRUCTIVE"}; fmt.Printf("%q%s\n  got  %s\n  want %s\n",c.Message,d,a,b)} }
 fmt.Printf("%d/%d exact\n",n-bad,n)}
