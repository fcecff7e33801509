import os,sys
os.chdir(sys.argv[1])
def sub(p,a,b,n=1):
    s=open(p).read(); assert a in s,(p,a); open(p,'w').write(s.replace(a,b,n))
F='driver/failure.c'
s=open(F).read()
i=s.index('void failure_repaired(')
j=s.index('	access_fence(fsdev);\n}',i)
s=s[:j]+'	access_fence(fsdev);\n	chardev_event(fsdev, FSDEV_EVENT_CLEARED, 0, offset, len);\n}'+s[j+len('	access_fence(fsdev);\n}'):]
i=s.index('int failure_add_known(')
a='	owner_notify(fsdev, offset, end - offset, 0);\n'
k=s.index(a,i)
s=s[:k]+a+'	chardev_event(fsdev, FSDEV_EVENT_FAILURE, FSDEV_EVENT_KNOWN, offset, end - offset);\n'+s[k+len(a):]
open(F,'w').write(s)
# no longer needed
os.remove('driver/compat/failure.h')
sub('driver/compat/compat.h','#include "failure.h"\n','')
