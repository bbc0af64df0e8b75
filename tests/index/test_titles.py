"""Titles, labelled by hand before the rules were tried on them; made up, in the six languages."""

import pytest

from vizsla.index.titles import DEPARTMENTS, SENIORITIES, infer_department, infer_seniority, normalise_position

# title | seniority | department; "-" is none.
TITLES = """
CEO | executive | executive
Chief Executive Officer | executive | executive
Founder & CEO | executive | executive
Co-Founder | executive | executive
Owner | executive | executive
Product Owner | - | it
President | executive | executive
Vice President of Sales | executive | sales
VP Engineering | executive | it
SVP Marketing | executive | marketing
Managing Director | executive | executive
Chief Technology Officer | executive | it
CTO | executive | it
CFO | executive | finance
Chief Marketing Officer | executive | marketing
Chief People Officer | executive | hr
COO | executive | operations
Board Member | executive | executive
Partner | executive | executive
Senior Software Engineer | senior | it
Staff Engineer | senior | it
Junior Developer | junior | it
Software Engineering Intern | junior | it
DevOps Engineer | - | it
IT Administrator | - | it
Head of IT | senior | it
Data Scientist | - | it
Account Executive | - | sales
Marketing Executive | - | marketing
Non-Executive Director | executive | executive
Member of the Executive Committee | executive | executive
Key Account Manager | senior | sales
Sales Manager | senior | sales
Head of Sales | senior | sales
Business Development Representative | - | sales
Sales Assistant | junior | sales
Accountant | - | finance
Senior Accountant | senior | finance
Financial Controller | - | finance
Head of Finance | senior | finance
Tax Associate | junior | finance
General Counsel | - | legal
Attorney at Law | - | legal
Paralegal | - | legal
Data Protection Officer | - | legal
Compliance Manager | senior | legal
HR Manager | senior | hr
Recruiter | - | hr
Head of People | senior | hr
Talent Acquisition Lead | senior | hr
Customer Success Manager | senior | support
Customer Support Representative | - | support
Help Desk Analyst | - | support
Marketing Manager | senior | marketing
Content Marketing Intern | junior | marketing
SEO Specialist | - | marketing
Communications Director | senior | communication
Press Officer | - | communication
Editor | - | communication
Journalist | - | communication
UX Designer | - | design
Art Director | senior | design
Graphic Designer | - | design
Teacher | - | education
Professor of Physics | senior | education
Lecturer | - | education
Training Coordinator | - | education
Registered Nurse | - | health
Physician | - | health
Dental Assistant | junior | -
Pharmacist | - | health
Operations Manager | senior | operations
Logistics Coordinator | - | operations
Warehouse Supervisor | senior | operations
Purchasing Manager | senior | operations
Office Manager | senior | operations
Executive Assistant to the CEO | junior | executive
Project Manager | senior | management
Director | senior | management
Team Leader | senior | management
Product Manager | senior | management
Consultant | - | management
Geschäftsführer | executive | executive
Geschäftsführerin | executive | executive
Vorstandsvorsitzender | executive | executive
Inhaberin | executive | executive
Prokurist | executive | executive
Leiter Vertrieb | senior | sales
Vertriebsleiter | senior | sales
Leiterin Personal | senior | hr
Personalreferentin | - | hr
Buchhalterin | - | finance
Leiter Buchhaltung | senior | finance
Softwareentwickler | - | it
Systemadministrator | - | it
Rechtsanwalt | - | legal
Rechtsanwältin und Fachanwältin für Steuerrecht | - | legal
Datenschutzbeauftragter | - | legal
Pressesprecherin | - | communication
Leiter Unternehmenskommunikation | senior | communication
Marketingleiter | senior | marketing
Kundenservice | - | support
Sekretärin | junior | operations
Praktikant | junior | -
Auszubildende zur Bürokauffrau | junior | -
Projektleiter | senior | management
Abteilungsleiterin | senior | management
Einkaufsleiter | senior | operations
Lehrerin | - | education
Fachärztin für Chirurgie | - | health
Oberarzt | senior | health
Grafikerin | - | design
Mediengestalter | - | design
Directeur Général | executive | executive
PDG | executive | executive
Gérant | executive | executive
Directrice commerciale | senior | sales
Responsable marketing | senior | marketing
Directeur des ressources humaines | senior | hr
Développeur web | - | it
Directeur informatique | senior | it
Comptable | - | finance
Directeur financier | senior | finance
Avocate | - | legal
Juriste | - | legal
Chargée de communication | - | communication
Chef de projet | senior | management
Assistante de direction | junior | operations
Stagiaire | junior | -
Infirmière | - | health
Enseignant | - | education
Graphiste | - | design
Responsable logistique | senior | operations
Service client | - | support
Director General | executive | executive
Gerente | senior | management
Gerente general | executive | executive
Director comercial | senior | sales
Jefe de ventas | senior | sales
Abogado | - | legal
Contable | - | finance
Desarrolladora | - | it
Jefa de prensa | senior | communication
Recursos humanos | - | hr
Profesora | - | education
Diseñador gráfico | - | design
Becario | junior | -
Socio | executive | executive
Amministratore delegato | executive | executive
Direttore generale | executive | executive
Responsabile marketing | senior | marketing
Direttore vendite | senior | sales
Avvocato | - | legal
Sviluppatore software | - | it
Ufficio stampa | - | communication
Risorse umane | - | hr
Responsabile amministrativo | senior | operations
Infermiera | - | health
Insegnante | - | education
Eigenaar | executive | executive
Algemeen directeur | executive | executive
Directeur | senior | management
Hoofd verkoop | senior | sales
Accountmanager | - | sales
Softwareontwikkelaar | - | it
Boekhouder | - | finance
Advocaat | - | legal
Communicatieadviseur | - | communication
Vormgever | - | design
Leraar | - | education
Verpleegkundige | - | health
Stagiair | junior | -
Teamleider klantenservice | senior | support
"""
LABELLED = [tuple(part.strip() for part in line.split("|")) for line in TITLES.strip().splitlines()]


def test_seniority_of_labelled_titles() -> None:
    wrong = [(t, infer_seniority(t), s) for t, s, _ in LABELLED if (infer_seniority(t) or "-") != s]

    assert len(wrong) <= 0.04 * len(LABELLED), wrong


def test_department_of_labelled_titles() -> None:
    wrong = [(t, infer_department(t), d) for t, _, d in LABELLED if (infer_department(t) or "-") != d]

    assert len(wrong) <= 0.06 * len(LABELLED), wrong


def test_every_department_and_seniority_can_be_found() -> None:
    assert {infer_department(t) for t, _, _ in LABELLED} >= set(DEPARTMENTS)
    assert {infer_seniority(t) for t, _, _ in LABELLED} >= set(SENIORITIES)


@pytest.mark.parametrize("title", ["", "Elfenbeinturmbewohner", "Acme Ltd", "日本語", "12345", "x" * 10_000])
def test_a_title_we_do_not_know_is_not_a_guess(title: str) -> None:
    assert infer_seniority(title) is None
    assert infer_department(title) is None


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("  Head\n of   Sales, ", "Head of Sales"),
        ("SENIOR SALES MANAGER", "Senior Sales Manager"),
        ("ceo & founder", "CEO & Founder"),
        ("Sr. Engineer", "Senior Engineer"),
        ("DIRECTOR OF IT", "Director of IT"),
        ("iOS Developer", "iOS Developer"),
        ("– | –", None),
        ("", None),
    ],
)
def test_a_title_is_shown_as_one_would_write_it(raw: str, shown: str | None) -> None:
    assert normalise_position(raw) == shown
