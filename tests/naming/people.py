"""Made-up people, and strategies that make more."""

from hypothesis import strategies as st

from vizsla.naming.names import PersonName

words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=10)
_letters = st.text("abcdefghijklmnopqrstuvwxyzäöüßøåéñłşđ", min_size=2, max_size=10)
_firsts = st.one_of(_letters, st.tuples(_letters, _letters).map("-".join), st.tuples(_letters, _letters).map(" ".join))
_lasts = st.one_of(
    _letters,
    st.tuples(_letters, _letters).map("-".join),
    st.tuples(st.sampled_from(["van der", "de la", "von", "O'", "bin"]), _letters).map(" ".join),
)
people = st.builds(
    PersonName,
    first=_firsts,
    last=_lasts,
    middles=st.lists(st.one_of(_letters, st.sampled_from("QZ")), max_size=2).map(tuple),
    nickname=st.none() | words,
)
domains = st.sampled_from(
    "acme.example acme.com acme.de acme.se acme.cn acme.fr cs.acme.edu acme.ac.uk acme.museum".split()
)
plain_people = st.builds(PersonName, first=words, last=words)
