"""
Does this domain hand out mailboxes to anybody?

An address there is a person's own, not a company's. Own lists: the large public providers of each country, and the
throw-away providers that sign-up forms meet most often.
"""

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

_DISPOSABLE = """
    mailinator.com mailinator.net mailinator2.com guerrillamail.com guerrillamail.net guerrillamail.org guerrillamail.biz
    guerrillamail.de guerrillamail.info guerrillamailblock.com sharklasers.com grr.la pokemail.net spam4.me 10minutemail.com
    10minutemail.net 10minutemail.co.uk 10minutemail.org 20minutemail.com 20minutemail.it 30minutemail.com 33mail.com
    anonbox.net anonymbox.com burnermail.io byom.de chacuo.net crazymailing.com cuvox.de dayrep.com deadaddress.com
    despam.it dingbone.com discard.email discardmail.com discardmail.de dispostable.com dodgeit.com dropmail.me
    dudmail.com einrot.com emailfake.com emailondeck.com emailsensei.com emailtemporario.com.br emltmp.com
    fakeinbox.com fakemail.net fakemailgenerator.com fleckens.hu getairmail.com getnada.com nada.email gishpuppy.com
    gustr.com harakirimail.com hidemail.de inboxalias.com inboxbear.com inboxkitten.com incognitomail.org jetable.com
    jetable.org jetable.net jourrapide.com kasmail.com kurzepost.de linshiyouxiang.net mail-temp.com mail-temporaire.fr
    mail-tester.com mail.tm mailcatch.com maildrop.cc maildu.de maileater.com mailexpire.com mailforspam.com mailfreeonline.com
    mailimate.com mailmetrash.com mailmoat.com mailnesia.com mailnull.com mailpoof.com mailsac.com mailscrap.com
    mailshell.com mailslite.com mailtemp.info mailtothis.com mailzilla.com meltmail.com mierdamail.com minuteinbox.com
    mintemail.com moakt.com moakt.cc mohmal.com mohmal.im mt2015.com mytemp.email mytrashmail.com neverbox.com
    no-spam.ws nospam.ze.tc nowmymail.com objectmail.com onewaymail.com owlpic.com pookmail.com proxymail.eu
    rcpt.at recode.me reallymymail.com rhyta.com rtrtr.com safetymail.info selfdestructingmail.com sendspamhere.com
    shieldemail.com shitmail.me sneakemail.com sofort-mail.de sogetthis.com soodonims.com spam.la spamavert.com spambog.com
    spambog.de spambox.us spamcowboy.com spamday.com spamex.com spamfree24.org spamgourmet.com spamherelots.com spamhole.com
    spaml.de spammotel.com spamspot.com superrito.com suremail.info tafmail.com teleworm.us temp-mail.io temp-mail.org
    temp-mail.ru tempail.com tempemail.net tempinbox.com tempmail.com tempmail.de tempmail.dev tempmail.it tempmail.net
    tempmail.plus tempmailaddress.com tempmailo.com tempomail.fr temporaryinbox.com temporarymail.org tempr.email
    thankyou2010.com thisisnotmyrealemail.com throwam.com throwawaymail.com tilien.com tmail.ws tmailinator.com tmpmail.net
    tmpmail.org trash-mail.at trash-mail.com trash-mail.de trash2009.com trashmail.at trashmail.com trashmail.de
    trashmail.me trashmail.net trashmail.org trashmail.ws trashymail.com trbvm.com uggsrock.com upliftnow.com veryrealemail.com
    vomoto.com wegwerfadresse.de wegwerfemail.de wegwerfmail.de wegwerfmail.net wegwerfmail.org wh4f.org whyspam.me
    willselfdestruct.com wuzup.net xagloo.com yep.it yopmail.com yopmail.fr yopmail.net yuurok.com zehnminutenmail.de
    zippymail.info 1secmail.com 1secmail.net 1secmail.org armyspy.com cool.fr.nf jetable.fr.nf nomail.xl.cx moncourrier.fr.nf
    monemail.fr.nf monmail.fr.nf mega.zik.dj speed.1s.fr courriel.fr.nf luxusmail.org esiix.com wwjmp.com
"""

WEBMAIL = frozenset(_WEBMAIL.split())
DISPOSABLE = frozenset(_DISPOSABLE.split())


def is_webmail(domain: str) -> bool:
    """Whether people have their own mailboxes at *domain*."""
    return domain in WEBMAIL


def is_disposable(domain: str) -> bool:
    """Whether mailboxes at *domain* are made to be thrown away; hosts below such a domain included."""
    return domain in DISPOSABLE or domain.partition(".")[2] in DISPOSABLE
