"""
Words that name a role rather than a person, as they stand before the @.

Own list, from the mailboxes of RFC 2142 and the imprint and contact pages of companies in English, German, French,
Spanish, Portuguese, Italian, Dutch, Polish and the Nordic languages; grouped by the department that reads the mailbox.
"""

import re

_BETWEEN_WORDS = re.compile(r"[._+\-]|\d+")

# Department ("" for none) -> words. A word belongs to one group.
_WORDS = {
    "": """
        info infos information informacion informacoes informazioni informatie infodesk contact contacts contactus contacto
        contactos contato contatti contatto kontakt kontakte mail mailbox email e-mail post poste office buero buro bureau
        ufficio oficina escritorio hello hallo hej hola ciao bonjour hi hey welcome willkommen team staff crew everyone all
        enquiry enquiries inquiry inquiries anfrage anfragen auskunft reception receptie rezeption empfang accueil recepcion
        recepcao segreteria secretaria secretariat sekretariat secretary zentrale general generaal main company firma
        headquarters hq noreply no-reply donotreply do-not-reply bounce bounces mailer-daemon daemon list lists
        listserv majordomo subscribe unsubscribe newsletter newsletters news nieuwsbrief feedback suggestions ideas ask
        question questions fragen vragen question reservation reservations reservierung reservas reserva reservering
        prenotazioni booking bookings buchung reservierungen rsvp events event veranstaltung evenement eventos eventi
        guest guests visitors membership members mitglieder membres socios leden alumni community forum
        volunteer volunteers ehrenamt donate donations spenden dons research forschung library bibliothek
        test testing demo example sample default unknown nobody anonymous administrator admin admins root
        system site website web webmaster webmestre webadmin www hostmaster postmaster usenet uucp ftp ask-us
        app apps api bot alerts alert notifications notification notify updates update digest archive biuro poczta
        yhteystiedot toimisto asiakaspalvelu poststelle postkontor mottagning hoofdkantoor""",
    "sales": """
        sales sale vente ventes vertrieb verkauf verkoop ventas venta vendas vendite commercial comercial commerciale
        commerciaal order orders bestellung bestellungen bestelling commande commandes pedidos ordini quote quotes
        quotation offerte offerten angebot devis presupuesto preventivo preventivi business bizdev businessdevelopment
        partner partners partnership partnerships resellers reseller wholesale shop store webshop boutique tienda negozio
        salg myynti forsaljning sprzedaz export retail leads""",
    "support": """
        support help helpdesk hilfe aide ayuda aiuto assistance assistenza asistencia suporte customerservice
        customer-service customersupport customercare customer-care customers customer kundenservice kundendienst
        kundenbetreuung kundensupport kunden klantenservice klantendienst service services servicedesk service-desk
        serviceclient service-client sav atencionalcliente atencion clientes cliente soporte techsupport technicalsupport
        tech-support care success tickets ticket returns warranty garantie complaints reklamation kundtjanst
        kundeservice""",
    "hr": """
        hr jobs job career careers karriere karrieren carriere carrieres empleo empleos trabajo lavoro lavora vacatures vacature
        recruiting recruitment recruit recruiter bewerbung bewerbungen personal personalabteilung personnel people humanresources
        human-resources recrutement rh rrhh recursoshumanos risorseumane talent talents hiring apply application
        applications ausbildung praktikum internship internships stage stages cv candidature rekrutacja praca jobb
        rekry""",
    "finance": """
        finance finances finanzen finanze finanzas financeiro accounting accounts account accountspayable accountsreceivable
        accounts-payable accounts-receivable ap ar billing invoice invoices invoicing rechnung rechnungen buchhaltung
        rechnungswesen compta comptabilite facturation facture factures facturacion facturas contabilidad contabilita
        amministrazione administracion administratie facturen boekhouding fatture payments payment payroll treasury tax
        steuern investor investors ir investorrelations investor-relations credit collections ekonomi regnskab faktura
        faktury ksiegowosc laskut laskutus""",
    "legal": """
        legal law recht juridique juridico legale compliance privacy gdpr dpo datenschutz datenschutzbeauftragter
        dataprotection data-protection rgpd privacidad privacidade dsgvo dmca copyright licensing
        trademark trademarks abuse whistleblower hinweisgeber ethics""",
    "marketing": """
        marketing mkt mktg advertising ads werbung publicite publicidad pubblicita promo promotion promotions seo social
        socialmedia social-media brand sponsor sponsors sponsoring sponsorship affiliates affiliate campaign campaigns
        growth""",
    "communication": """
        press presse prensa imprensa stampa pers media medien medias pr publicrelations public-relations communication
        communications comms kommunikation comunicacion comunicacao comunicazione communicatie editor editors editorial
        redaktion redaction redaccion redacao redazione redactie pressoffice press-office pressestelle pressekontakt
        journalism blog podcast publicaffairs""",
    "it": """
        it edv informatik informatique informatica sysadmin sysadm devops dev developer developers development engineering
        engineers security cert csirt noc netops network infosec tech technik technique tecnico technical
        technology git github code hosting dns ssl servers datacenter itsupport it-support bugs bug opensource
        open-source""",
    "operations": """
        operations ops logistics logistik logistique logistica logistiek warehouse lager shipping delivery versand dispo
        disposition dispatch purchasing procurement einkauf achats achat compras acquisti inkoop production produktion
        facility facilities maintenance quality qualitaet qualite calidad qualita lieferanten suppliers vendor vendors
        supply""",
    "education": """
        education training trainings schulung formation formacion formazione academy akademie school schule ecole escuela
        scuola courses kurse admissions admission students student enrollment registrar teaching unterricht""",
    "design": "design designs studio creative creatives art grafik",
    "health": "health praxis clinic clinica klinik clinique medical nurse nurses doctors patients apotheke pharmacy",
    "management": "management manager managers projects projekt projekte projets proyectos project",
    "executive": """
        ceo cfo coo cto cmo executive executives board direktion direction direccion direzione directie geschaeftsfuehrung
        geschaftsfuhrung gf vorstand president founders founder owner leitung""",
}

DEPARTMENT_OF_WORD: dict[str, str] = {
    word: department for department, words in _WORDS.items() for word in words.split()
}
"""Every role word, and whose it is; an empty text for everybody's."""

_LIST_WORDS = """
    team list lists announce announces devel dev users user discuss discussion group groups maint maintainers
    maintainer committers commits bugs owner request requests noreply bot robot notifications
"""
LIST_WORDS = frozenset(_LIST_WORDS.split())
"""Words that, as any part of a longer local part, make a mailing list or a group of it."""


def is_role(local: str) -> bool:
    """Whether *local* (lower case) is made of words for a role, as far as that can be told without knowing a name."""
    if local in DEPARTMENT_OF_WORD:
        return True
    words = split_words(local)
    if not words or "".join(words) in DEPARTMENT_OF_WORD:
        return True
    if any(word in LIST_WORDS for word in words):
        return True
    if len(words) > 1 and words[0] in DEPARTMENT_OF_WORD and len(words[0]) > 2:
        return True
    return len(words) > 1 and words[-1] in DEPARTMENT_OF_WORD and len(words[-1]) > 3


def split_words(local: str) -> list[str]:
    """The words of *local*: what stands between its marks and digits."""
    return [word for word in _BETWEEN_WORDS.split(local) if word]
