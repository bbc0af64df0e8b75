"""
The words by which a reader tells names, positions and everything else apart.

Written by hand for this project, from the mistakes seen on real pages, in the languages of which we saw most. First names
stand in `first_names.txt` beside this file, with their origin.
"""

from importlib.resources import files

TITLES = frozenset(
    "dr prof professor mr mrs ms miss mx sir dame herr frau hr fr dipl.-ing dipl ing dipl.-inf dipl.-kfm mag lic m.a mme mlle monsieur madame maître sr sra srta don doña dott "
    "dott.ssa avv rev hon judge rechtsanwalt rechtsanwältin ra steuerberater by author von contact".split()
) - {"von"}  # fmt: skip
SUFFIXES = frozenset(
    "phd ph.d md m.d jr sr ii iii iv esq mba m.b.a msc m.sc ma m.a bsc b.sc ba b.a llm ll.m llb jd j.d cpa cfa pmp pe rn dds dvm cissp mph dr rer nat bsc(hons) frcs obe mbe cbe "
    "b.eng m.eng dba dphil d.phil".split()
)
PARTICLES = frozenset(
    "van von de der den del della di da dos das do du des la le ter ten te zu zur zum af av bin ibn al el y e i lo vom van't 't ó Ó ní Ní mac".split()
)
NOT_NAMES = frozenset(
    # What stands in capitals where names stand: headings, labels, menus, institutions.
    """
    the and for with from this that our your you we us about above address addresses all also an any are as at be been but by can
    contact contacts contacting copyright email emails e-mail mail mailto mailing list lists send sent please questions question reply to of on or in is it if no not new note notes
    see home page pages site website web www http https search find menu main more read learn help helpdesk faq faqs support service services sales press media
    marketing office offices team teams staff people department departments dept division group groups committee council board chair chairs
    customer customers client clients general info information inquiries enquiries inquiry enquiry request requests requested submit subscribe unsubscribe newsletter news events event blog
    company corporation corp inc llc ltd limited gmbh ag plc co kg sarl sas spa bv nv oy ab as
    university college school institute faculty laboratory lab labs center centre research science sciences studies library museum foundation association society union church
    project projects program programme programs programming software hardware systems system network networks security developer developers development maintainer maintainers
    maintained maintenance uploader uploaders package packages packaging release releases version bug bugs report reports reporting tracker documentation docs manual guide handbook tutorial
    esports lyrics online directory reference references chapter section appendix table figure index contents part volume edition license licence gnu linux debian ubuntu apache perl python java windows unix bsd gpl mit kde gnome free open source
    january february march july august september october november december monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun
    jan feb mar apr jun jul aug sep sept oct nov dec today date time posted published updated last first next previous
    north south east west street road avenue st ave suite floor building box city state country united states kingdom america europe international national global world
    phone tel telephone fax mobile cell call toll hours open closed location locations directions map privacy policy terms conditions legal imprint impressum datenschutz kontakt
    order orders billing account accounts accounting payment payments shop store cart login register sign password user users username admin administrator administrators webmaster postmaster hostmaster root
    editor editors editorial correspondence corresponding advertising advertise careers jobs job hr human resources recruitment recruiting talent
    director manager president vice chief executive officer ceo cto cfo coo cmo founder co-founder head lead senior junior assistant associate coordinator specialist consultant engineer
    analyst architect secretary treasurer partner owner chairman chairwoman chairperson lecturer fellow student postdoc doctor scientist researcher teacher trainer agent advisor adviser representative
    dear hello hi regards thanks thank sincerely best cheers yours subject re fw fwd cc bcc date author authors written translated translation translator translators created modified changes changelog signed-off-by
    facebook twitter linkedin instagram youtube google github gitlab pinterest whatsapp skype telegram xing
    view click here download share print save edit delete add comment comments feedback visit follow join apply start get use using make
    haben sie für und der die das den dem ein eine wir uns ihr ihre ihnen bei mit im am zum zur über seite startseite presse vertrieb verkauf buchhaltung geschäftsführer geschäftsführerin geschäftsführung
    telefon telefax straße strasse postfach adresse anschrift öffnungszeiten verantwortlich verantwortliche inhaber vertreten bewerbung personal leiter leiterin leitung abteilung redaktion redakteur
    nous notre votre vous le les un une sur pour avec adresse téléphone directeur directrice responsable service accueil presse rédaction siège société
    nuestro nuestra correo teléfono dirección empresa servicio prensa oficina ventas el los las una con para por
    example sample test demo default none null true false yes unknown anonymous various other others name names nickname
    winter spring fall day days week month year years annual conference workshop symposium meeting international proceedings journal review magazine newspaper times post
    xml html css sql api url uri pdf rfc iso ieee acm usa uk eu un nasa cern irc ftp ssh smtp imap dns ip tcp udp
    data digital technology technologies tech solutions solution consulting management business finance financial health care medical hospital clinic arts music design studio studios
    special thanks credits acknowledgements acknowledgments contributors contributor contributed original current former based based co-author maintainer upstream
    member members membership volunteer volunteers donate donation fund funds public private local regional central community social communications communication relations affairs
    creative commons attribution commons public domain rights reserved all
    """.split()
)  # fmt: skip
POSITION_WORDS = frozenset(
    """
    ceo cto cfo coo cmo cio ciso cpo cro chro chief president vice vp svp evp avp director directors head lead leader manager managing partner principal founder co-founder cofounder owner chairman chairwoman
    chairperson chair officer executive engineer developer programmer architect designer analyst scientist researcher consultant specialist coordinator administrator assistant associate
    editor editor-in-chief reporter journalist correspondent columnist writer photographer producer publisher anchor critic contributor translator maintainer
    professor lecturer dean instructor teacher fellow postdoc postdoctoral doctoral student tutor librarian curator archivist
    captain secretary treasurer accountant bookkeeper attorney lawyer counsel paralegal solicitor barrister notary
    advisor adviser agent broker representative salesperson buyer planner strategist technician mechanic operator supervisor foreman inspector trainer coach recruiter intern trainee apprentice
    nurse physician surgeon dentist pharmacist therapist psychologist veterinarian doctor
    sales marketing communications evangelist ambassador spokesperson spokesman spokeswoman
    geschäftsführer geschäftsführerin geschäftsführung geschäftsleitung inhaber inhaberin leiter leiterin leitung abteilungsleiter vertriebsleiter referent referentin sachbearbeiter sachbearbeiterin
    assistentin assistenz vorstand vorstandsvorsitzender prokurist prokuristin entwickler entwicklerin berater beraterin redakteur redakteurin chefredakteur pressesprecher pressesprecherin ansprechpartner
    mitarbeiter mitarbeiterin sekretariat sekretärin wissenschaftlicher
    directeur directrice président présidente responsable gérant gérante chargé chargée ingénieur ingénieure rédacteur rédactrice conseiller conseillère adjoint adjointe chef cheffe pdg dg
    directora director gerente jefe jefa presidente responsable ingeniero ingeniera coordinador coordinadora redactor redactora abogado
    direttore direttrice responsabile amministratore presidente ingegnere redattore
    """.split()
)  # fmt: skip
NOT_POSITIONS = (
    "find this author",
    "about the author",
    "more from",
    "view all",
    "all posts",
    "posts by",
    "articles by",
    "by the author",
    "meet the",
    "contact",
    "read more",
    "our team",
    "email",
    "subscribe",
    "copyright",
    "©",
)
"""Phrases with a word of a position in them that are none."""
ROLE_LOCALS = frozenset(
    """
    info contact contacts sales support help helpdesk service services office admin administrator webmaster postmaster hostmaster root abuse noc security press media marketing
    news newsletter hello hi team jobs job careers career hr recruiting recruitment billing accounts accounting finance invoice invoices orders order shop store customerservice customercare care
    feedback enquiries enquiry inquiries inquiry general mail email e-mail post office kontakt bewerbung presse vertrieb buchhaltung verwaltung redaktion sekretariat zentrale service
    contacto ventas info informacion administracion prensa accueil contactez direction commercial rh presse redaction segreteria amministrazione ufficio
    privacy datenschutz dpo legal gdpr compliance copyright dmca permissions licensing events event booking bookings reservations reservation editor editors editorial letters tips subscriptions
    subscribe unsubscribe request owner list lists announce devel users user dev bugs bug submit maintainer maintainers owner control ftpmaster noreply no-reply donotreply do-not-reply mailer-daemon daemon
    bounce bounces nobody www web git cvs svn ftp build builds release secretary treasurer president chair board students library reception frontdesk desk partners partnerships advertising ads advertise
    donate donations volunteer membership members community social communications pr investor investors ir webteam it tech technical techsupport sysadmin staff everyone all
    """.split()
)  # fmt: skip
NICKNAMES: dict[str, tuple[str, ...]] = {
    "william": ("bill", "will", "billy", "liam"), "robert": ("bob", "rob", "bobby", "robbie", "bert"), "richard": ("rick", "dick", "rich", "ricky"),
    "james": ("jim", "jimmy", "jamie"), "john": ("jack", "johnny", "jon"), "jonathan": ("jon", "jonny"), "michael": ("mike", "mick", "mickey", "michi"),
    "thomas": ("tom", "tommy", "thom"), "charles": ("chuck", "charlie", "chas"), "joseph": ("joe", "joey", "sepp"), "edward": ("ed", "eddie", "ted", "ned"),
    "david": ("dave", "davey"), "daniel": ("dan", "danny"), "matthew": ("matt",), "matthias": ("matt", "matze"), "anthony": ("tony",), "antonio": ("toni", "tony"),
    "andrew": ("andy", "drew"), "andreas": ("andi", "andy"), "christopher": ("chris", "kit"), "christian": ("chris",), "christine": ("chris", "tina"), "nicholas": ("nick", "nic"),
    "stephen": ("steve",), "steven": ("steve",), "stefan": ("steff",), "benjamin": ("ben", "benny"), "samuel": ("sam",), "samantha": ("sam",), "alexander": ("alex", "sasha", "xander"),
    "alexandra": ("alex", "sandra"), "gregory": ("greg",), "jeffrey": ("jeff",), "geoffrey": ("geoff",), "kenneth": ("ken",), "ronald": ("ron",), "donald": ("don",),
    "timothy": ("tim",), "patrick": ("pat", "paddy"), "patricia": ("pat", "patty", "trish"), "elizabeth": ("liz", "beth", "betty", "lisa", "eliza"), "katherine": ("kate", "kathy", "katie", "kat"),
    "catherine": ("cathy", "kate", "cat"), "margaret": ("maggie", "meg", "peggy"), "jennifer": ("jen", "jenny"), "jessica": ("jess",), "rebecca": ("becky", "becca"), "susan": ("sue",),
    "deborah": ("deb", "debbie"), "barbara": ("barb",), "victoria": ("vicky", "tori"), "frederick": ("fred", "freddy"), "lawrence": ("larry",), "peter": ("pete",), "philip": ("phil",), "phillip": ("phil",),
    "raymond": ("ray",), "walter": ("walt",), "theodore": ("ted", "theo"), "nathaniel": ("nate", "nathan"), "nathan": ("nate",), "joshua": ("josh",), "zachary": ("zach", "zack"), "maximilian": ("max",),
    "sebastian": ("seb", "basti"), "johannes": ("hannes", "jo"), "wolfgang": ("wolf",), "francisco": ("paco",), "jose": ("pepe",), "vladimir": ("vlad", "vova"), "dmitry": ("dima",), "alexey": ("alex", "lyosha"),
    "sergey": ("serge",), "mikhail": ("misha", "mike"), "albert": ("al", "bert"), "leonard": ("len", "leo"), "gerald": ("gerry", "jerry"), "douglas": ("doug",), "russell": ("russ",), "vincent": ("vince",),
    "abigail": ("abby",), "allison": ("ali", "allie"), "amanda": ("mandy",), "cynthia": ("cindy",), "kimberly": ("kim",), "pamela": ("pam",), "suzanne": ("sue",), "bradley": ("brad",), "cameron": ("cam",),
}  # fmt: skip
FIRST_NAMES = frozenset(
    files("vizsla.harvest.extract").joinpath("first_names.txt").read_text("utf-8").split("\n\n", 1)[1].split()
)
