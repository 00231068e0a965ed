"""Keep the ledger true: apply raw events, watch and list directories, look again at what is in doubt.

Every look at the disk goes through ``disk``, so a recording (``record``) replays without a kernel, and
another source of events could stand behind it. In the order of one event's way:

- ``intake`` reads the queue, ``moves`` pairs the halves of a move (a rename), ``apply`` takes one raw event after
  the other;
- ``plain`` applies the most common events many at a time; ``comings`` applies those about one name, ``grafts``
  those about two, ``exchanges`` those that exchange two, and ``entries`` finds which belong together; ``losses``
  makes good what was lost;
- ``teller`` changes the ledger and reports it, in one verb, by ``telling``;
- ``crawl`` watches directories, as far as ``borders`` lets it, and ``frames`` says how far it has come;
  ``listing`` lists one directory, ``crawls`` does both over many turns;
- ``files`` watches roots that are files, and ``links`` what links to files lead to, both by ``objects``;
- ``places`` finds what is at a place, on the ``ways`` there; ``removal`` takes back what is in a directory;
- ``doubts`` holds what is to be looked at again and ``reconcile`` looks; ``fences`` holds what is true only
  until all that is queued now was applied; ``uncovered`` holds what is not covered, why, and when to try
  again;
- ``moments`` puts off what is seen on the disk before the events have come so far;
- ``admission`` decides what exclusions leave out, ``anchors`` waits for roots that are not there, ``mounts``
  notices mounts; ``ends`` finds where a root that says nothing itself is removed;
- ``mounted`` is what is mounted where; ``folding`` finds the names that are stored where names fold, and
  ``spellings`` whether they do;
- ``ground`` is what each of these is given, and ``assembly`` puts them together; ``rooting`` adds and removes
  roots, and ``tree`` does one step of all the rest, in a turn of limited time (``turns``).

It never blocks and knows no clock but that of ``disk``; who waits, and who gets the events, is ``watching``'s
business.
"""
