import re
from html.parser import HTMLParser
from tests.platform.web.look import test_pages_look as T
def test_w(whole_home, people):
    from haulout.web import create_app
    app = create_app(whole_home); c = app.test_client()
    class P(HTMLParser):
        def __init__(s): super().__init__(); s.skip=0; s.out=[]
        def handle_starttag(s,t,a):
            if t in ("code","pre","script","style"): s.skip+=1
        def handle_endtag(s,t):
            if t in ("code","pre","script","style"): s.skip-=1
        def handle_data(s,d):
            if not s.skip: s.out.append(d)
    for rule in ("/api","/report","/years","/handbook/operator","/handbook/volunteer","/handbook/expert","/photos","/"):
        r=c.get(rule+"?language=ru"); p=P(); p.feed(r.text)
        print(rule, r.status_code, sorted({*re.findall(r"(?<![\w-])[A-Za-z][a-z]{2,}(?![\w-])"," ".join(p.out))}-{*T.NAMES}))
    assert 0
