"""What every floor stands on and none owns: flags as integers, names as text, locks, threads, words for people.

What is here: the flags of inotify (``bits``), why events are told (``causes``), names from bytes to text and
back (``encoding``), locks that are free again whatever comes (``locks``), threads of the kernel (``native``,
``green``), what a name looks like for people (``printing``), what may have been meant (``suggestions``), and to
read a file that has to be a regular one (``regular``).

It knows nothing of inotify but its constants, and nothing of the rooms above.
"""
